-- +goose Up
CREATE TABLE queues (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE queues;
