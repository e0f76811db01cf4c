-- +goose Up
CREATE TABLE limits (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE limits;
