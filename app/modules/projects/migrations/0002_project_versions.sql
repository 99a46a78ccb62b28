-- Counts the changes of a project, so that of two people who change it one is told of the other.
ALTER TABLE projects_projects ADD COLUMN version bigint NOT NULL DEFAULT 1;
