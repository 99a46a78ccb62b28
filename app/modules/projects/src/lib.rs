//! The founder's own module of the reference backend: projects, tasks, labels, comments.
