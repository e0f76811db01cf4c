-- Budgets: what rented nodes may cost. What is spent follows from attempts and nodes.

-- +goose Up
CREATE TABLE budgets (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE budgets;
