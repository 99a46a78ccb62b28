//! derive(Entity) and module_api: what they write is shown in their documentation.
