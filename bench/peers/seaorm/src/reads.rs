//! Loads of one row by its key with sqlx.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use uuid::Uuid;

use crate::line::Line;

const USER: &str = "SELECT id, org_id, email, name FROM people_users WHERE org_id = $1 AND id = $2";
const KEYS: &str = "SELECT id FROM people_users WHERE org_id = $1 ORDER BY id LIMIT 1000";

type User = (Uuid, Uuid, String, String);

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    async fn open(url: &str, connections: u32) -> anyhow::Result<Self> {
        if !url.starts_with("sqlite:") {
            return Ok(Pool::Postgres(PgPoolOptions::new().max_connections(connections).connect(url).await?));
        }
        let options = SqliteConnectOptions::from_str(url)?;
        let options = options.pragma("mmap_size", "134217728").pragma("cache_size", "-8192");
        Ok(Pool::Sqlite(SqlitePoolOptions::new().max_connections(connections).connect_with(options).await?))
    }

    async fn keys(&self, organization: Uuid) -> anyhow::Result<Vec<Uuid>> {
        Ok(match self {
            Pool::Sqlite(pool) => sqlx::query_scalar(KEYS).bind(organization).fetch_all(pool).await?,
            Pool::Postgres(pool) => sqlx::query_scalar(KEYS).bind(organization).fetch_all(pool).await?,
        })
    }

    async fn user(&self, organization: Uuid, id: Uuid) -> anyhow::Result<User> {
        Ok(match self {
            Pool::Sqlite(pool) => sqlx::query_as(USER).bind(organization).bind(id).fetch_one(pool).await?,
            Pool::Postgres(pool) => sqlx::query_as(USER).bind(organization).bind(id).fetch_one(pool).await?,
        })
    }
}

/// Measures with 1, 16 and 64 at once.
///
/// # Errors
/// When a statement fails.
pub async fn run(url: &str, connections: u32, quick: bool) -> anyhow::Result<()> {
    let pool = Pool::open(url, connections).await?;
    let organization = Uuid::from_u128(1_000);
    let keys: &[Uuid] = pool.keys(organization).await?.leak();
    let (rounds, span) = if quick { (3, 400) } else { (5, 1_500) };
    for at_once in [1, 16, 64] {
        let (mut times, mut rates) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let span = Duration::from_millis(if round == 0 { span / 8 } else { span });
            let began = Instant::now();
            let of_round = load(&pool, organization, keys, at_once, span).await?;
            if round > 0 {
                rates.push(of_round.len() as f64 / began.elapsed().as_secs_f64());
                times.extend(of_round);
            }
        }
        rates.sort_by(f64::total_cmp);
        let line = Line::new("sqlx").with("at_once", at_once).times(&times);
        line.with("per_second", rates[rates.len() / 2].round()).print();
    }
    Ok(())
}

async fn load(
    pool: &Pool,
    organization: Uuid,
    keys: &'static [Uuid],
    at_once: usize,
    span: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let until = Instant::now() + span;
    let one = |who: usize| {
        let pool = pool.clone();
        async move {
            let mut times = Vec::new();
            for turn in 0.. {
                let began = Instant::now();
                pool.user(organization, keys[(who * 97 + turn) % keys.len()]).await?;
                let ended = Instant::now();
                times.push(ended - began);
                if ended >= until {
                    break;
                }
            }
            anyhow::Ok(times)
        }
    };
    let running: Vec<_> = (0..at_once).map(|who| tokio::spawn(one(who))).collect();
    let mut times = Vec::new();
    for task in running {
        times.extend(task.await??);
    }
    Ok(times)
}
