//! The tables, as SeaORM wants them described.

/// Users.
pub mod user {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "people_users")]
    pub struct Model {
        /// Whose user it is.
        #[sea_orm(primary_key, auto_increment = false)]
        pub org_id: Uuid,
        /// The key.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Where they get mail.
        pub email: String,
        /// What they are called.
        pub name: String,
    }

    /// What hangs on it.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        /// One row.
        #[sea_orm(has_one = "super::profile::Entity")]
        Profile,
        /// One row.
        #[sea_orm(has_one = "super::settings::Entity")]
        Settings,
        /// Three rows.
        #[sea_orm(has_many = "super::permission::Entity")]
        Permission,
    }

    impl Related<super::profile::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Profile.def()
        }
    }

    impl Related<super::settings::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Settings.def()
        }
    }

    impl Related<super::permission::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Permission.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A table whose rows belong to a user.
macro_rules! of_a_user {
    ($module:ident, $table:literal, { $($fields:tt)* }) => {
        #[doc = concat!("Rows of ", $table, ".")]
        pub mod $module {
            use sea_orm::entity::prelude::*;

            /// A row.
            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model { $($fields)* }

            /// Whose it is.
            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {
                /// The user.
                #[sea_orm(
                    belongs_to = "super::user::Entity",
                    from = "(Column::OrgId, Column::UserId)",
                    to = "(super::user::Column::OrgId, super::user::Column::Id)"
                )]
                User,
            }

            impl Related<super::user::Entity> for Entity {
                fn to() -> RelationDef {
                    Relation::User.def()
                }
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

of_a_user!(profile, "people_profiles", {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// The key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// The city.
    pub city: String,
});
of_a_user!(settings, "people_settings", {
    /// Whose they are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// The key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// The theme.
    pub theme: String,
});
of_a_user!(permission, "people_permissions", {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    /// The key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who may.
    pub user_id: Uuid,
    /// What.
    pub name: String,
});
