-- Projects and what hangs on them. People belong to the auth module: their ids are kept without a foreign key.

CREATE TABLE projects_projects (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE projects_tasks (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    title text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES projects_projects (org_id, id) ON DELETE CASCADE
);

CREATE INDEX projects_tasks_of_project ON projects_tasks (org_id, project_id, id);

CREATE TABLE projects_assignments (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, task_id) REFERENCES projects_tasks (org_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX projects_assignments_of_task ON projects_assignments (org_id, task_id, user_id);

CREATE TABLE projects_labels (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name)
);

CREATE TABLE projects_labelings (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    label_id uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, task_id) REFERENCES projects_tasks (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, label_id) REFERENCES projects_labels (org_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX projects_labelings_of_task ON projects_labelings (org_id, task_id, label_id);

CREATE TABLE projects_comments (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    user_id uuid NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, task_id) REFERENCES projects_tasks (org_id, id) ON DELETE CASCADE
);

CREATE INDEX projects_comments_of_task ON projects_comments (org_id, task_id, id);
