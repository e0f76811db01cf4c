-- One table per kind of record: its key, the few columns that are asked for, and the record itself as JSON.

-- +goose Up
CREATE TABLE leader (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO leader (id, epoch) VALUES (1, 0);

CREATE TABLE specs (
    job  TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id    TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
    job  TEXT    NOT NULL,
    step INTEGER NOT NULL,
    body TEXT    NOT NULL,
    PRIMARY KEY (job, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    id    TEXT PRIMARY KEY,
    job   TEXT NOT NULL,
    state TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_job ON attempts (job, id);

CREATE TABLE sessions (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE nodes (
    id    TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pools (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE primings (
    job   TEXT NOT NULL,
    filer TEXT NOT NULL,
    body  TEXT NOT NULL,
    PRIMARY KEY (job, filer)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE events;
DROP TABLE decisions;
DROP TABLE primings;
DROP TABLE pools;
DROP TABLE nodes;
DROP TABLE sessions;
DROP TABLE attempts;
DROP TABLE steps;
DROP TABLE jobs;
DROP TABLE specs;
DROP TABLE leader;
