-- Who may do what, and who did what. The audit is only ever added to.

-- +goose Up
CREATE TABLE users (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id     TEXT PRIMARY KEY,
    at     INTEGER NOT NULL, -- ns since 1970
    who    TEXT NOT NULL,
    did    TEXT NOT NULL,
    target TEXT NOT NULL,
    body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_who ON audit (who, id);
CREATE INDEX audit_target ON audit (target, id);

-- +goose Down
DROP TABLE audit;
DROP TABLE tokens;
DROP TABLE users;
