-- The ledger of work: what each job has used of each node, hour by hour.

-- +goose Up
CREATE TABLE uses (
    hour INTEGER NOT NULL, -- s since 1970
    job  TEXT    NOT NULL,
    node TEXT    NOT NULL,
    body TEXT    NOT NULL,
    PRIMARY KEY (hour, job, node)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE uses;
