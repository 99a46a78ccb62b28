//! One SQLite connection: how it is opened, how it runs a statement, what its errors mean.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};

use super::super::{Call, Params};
use super::{columns, constraint, list, private_file};
use crate::driver::{DriverError, SqliteSettings};
use crate::error::Source;
use crate::row::{Row, RowSource};
use crate::value::{Value, days_of};
use crate::words;

/// How many prepared statements a connection keeps.
const STATEMENT_CACHE: usize = 256;
/// How long to retry opening a file that another process holds, and the pause between tries.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
const OPEN_PAUSE: Duration = Duration::from_millis(5);

pub(super) fn open_writer(path: &Path, settings: &SqliteSettings) -> Result<Connection, DriverError> {
    if let Some(folder) = path.parent() {
        private_file::make_folder(folder).map_err(|error| {
            DriverError::Unavailable(Source::new(format!(
                "cannot make the folder {}: {error}",
                folder.display()
            )))
        })?;
    }
    private_file::keep_private(path);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags, settings)?;
    // WAL lets readers continue while the writer writes. FULL waits for the disk, because an acknowledged commit must
    // survive power loss. The busy handler stays off: group.rs waits for another process's writer without blocking a
    // thread.
    let pragmas =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;";
    connection.busy_timeout(Duration::from_secs(5)).map_err(|error| classify(&error))?;
    patiently(|| connection.execute_batch(pragmas)).map_err(|error| unusable(path, &error))?;
    connection.busy_timeout(Duration::ZERO).map_err(|error| classify(&error))?;
    Ok(connection)
}

/// Retries while another process holds the file. When several processes switch a new file to WAL at the same time,
/// SQLite at once reports all but one that it is locked, whatever the timeout: each has a read lock and wants an
/// exclusive one.
#[expect(
    clippy::disallowed_methods,
    reason = "SQLite tells nobody when a file comes free, and no request waits yet"
)]
fn patiently(work: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let give_up = std::time::Instant::now() + OPEN_LIMIT;
    loop {
        match work() {
            Err(error)
                if matches!(classify(&error), DriverError::Overloaded(_))
                    && std::time::Instant::now() < give_up =>
            {
                std::thread::sleep(OPEN_PAUSE);
            }
            result => return result,
        }
    }
}

pub(super) fn open_reader(path: &Path, settings: &SqliteSettings) -> Result<Connection, DriverError> {
    let connection =
        open(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX, settings)?;
    // A reader waits only while another process recovers the log after a crash.
    connection.busy_timeout(Duration::from_secs(5)).map_err(|error| classify(&error))?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags, settings: &SqliteSettings) -> Result<Connection, DriverError> {
    let connection = Connection::open_with_flags(path, flags).map_err(|error| unusable(path, &error))?;
    let pragmas = format!(
        "PRAGMA foreign_keys = ON; PRAGMA cache_size = -{}; PRAGMA mmap_size = {};",
        settings.cache_bytes / 1024,
        settings.mmap_bytes
    );
    patiently(|| connection.execute_batch(&pragmas)).map_err(|error| unusable(path, &error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // Once ANALYZE has run, SQLite would plan a statement again for each set of values: 20 µs where a load by key takes
    // 5. With this setting a text has one plan.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|error| classify(&error))?;
    rusqlite::vtab::array::load_module(&connection).map_err(|error| classify(&error))?;
    words::register(&connection).map_err(|error| classify(&error))?;
    Ok(connection)
}

/// Runs a text without parameters that is often repeated, such as COMMIT. It is parsed once.
pub(super) fn execute(connection: &Connection, text: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(text)?.raw_execute().map(|_| ())
}

fn unusable(path: &Path, error: &rusqlite::Error) -> DriverError {
    DriverError::Unavailable(Source::new(format!("cannot use the SQLite file {}: {error}", path.display())))
}

/// Runs a statement and passes its rows to the sink. Returns how many rows it gave or changed.
pub(super) fn run_statement(connection: &Connection, call: Call<'_>) -> Result<u64, DriverError> {
    let text = &call.statement.text;
    let mut statement = connection.prepare_cached(text).map_err(|error| classify(&error))?;
    columns::compare(&statement, call.statement.reads)?;
    let mut run = |values: &[Value]| {
        bind(&mut statement, values, &call.statement.in_order)?;
        let explain = |error: &rusqlite::Error| match constraint::is_foreign_key(error) {
            true => match constraint::broken_reference(connection, text, values) {
                Some(reference) => DriverError::Constraint(Box::new(reference)),
                None => classify(error),
            },
            false => classify(error),
        };
        step(connection, &mut statement, call.sink, explain)
    };
    match call.params {
        Params::One(values) => run(values),
        Params::Each(sets) => sets.iter().map(|values| run(values)).sum(),
    }
}

fn step(
    connection: &Connection,
    statement: &mut Statement<'_>,
    sink: super::super::Sink<'_>,
    explain: impl Fn(&rusqlite::Error) -> DriverError,
) -> Result<u64, DriverError> {
    let reads = statement.column_count() > 0;
    let mut count = 0;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| explain(&error))? {
        match sink(&Row(RowSource::Sqlite(row))) {
            Ok(()) => count += 1,
            Err(error) if error.is_enough() => break,
            Err(error) => return Err(DriverError::Read(error)),
        }
    }
    drop(rows);
    Ok(if reads { count } else { connection.changes() })
}

/// Checks that SQLite can run the text and that its parameters are `$1, $2, …`. Returns how many there are.
pub(super) fn check(connection: &Connection, text: &str) -> Result<usize, DriverError> {
    let statement = connection.prepare(text).map_err(|error| classify(&error))?;
    let count = statement.parameter_count();
    for index in 1..=count {
        number_of(&statement, index, count)?;
    }
    Ok(count)
}

/// Binds `$1, $2, …` by name. SQLite numbers parameters by their first appearance, and would take `$1::uuid` for
/// another parameter, silently NULL. The names are not read again for a statement whose names agree with SQLite's
/// numbers, because to find one name SQLite reads all those before it.
fn bind(
    statement: &mut Statement<'_>,
    values: &[Value],
    in_order: &OnceLock<bool>,
) -> Result<(), DriverError> {
    let count = statement.parameter_count();
    let by_number = in_order.get() == Some(&true) && count == values.len();
    let mut is_in_order = true;
    for index in 1..=count {
        let number = if by_number { index } else { number_of(statement, index, values.len())? };
        is_in_order &= number == index;
        statement.raw_bind_parameter(index, &values[number - 1]).map_err(|error| classify(&error))?;
    }
    if count != values.len() {
        let (given, wanted) = (values.len(), count);
        return Err(DriverError::Other(Source::new(format!(
            "{given} values were given for {wanted} parameters: each value is used"
        ))));
    }
    in_order.get_or_init(|| is_in_order);
    Ok(())
}

/// The number in a parameter's name, from 1 to `count`.
fn number_of(statement: &Statement<'_>, index: usize, count: usize) -> Result<usize, DriverError> {
    let name = statement.parameter_name(index).unwrap_or("?");
    let number = name.strip_prefix('$').and_then(|digits| digits.parse().ok());
    number.filter(|number| (1..=count).contains(number)).ok_or_else(|| {
        DriverError::Other(Source::new(format!(
            "parameter {name} is not one of $1 to ${count}: write parameters as $ and digits, without casts"
        )))
    })
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let borrowed = match self {
            Value::Null => ValueRef::Null,
            Value::Uuid(id) => ValueRef::Blob(id.as_bytes()),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Real(n) => ValueRef::Real(*n),
            Value::Boolean(flag) => ValueRef::Integer(i64::from(*flag)),
            Value::Time(time) => ValueRef::Integer(time.as_microsecond()),
            Value::Date(date) => ValueRef::Integer(days_of(*date)),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
            Value::Json(json) => {
                let text = serde_json::to_string(json);
                let text = text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                return Ok(ToSqlOutput::Owned(SqlValue::Text(text)));
            }
            Value::List(values) => {
                return Ok(ToSqlOutput::from_rc(list::of(values), c"rarray"));
            }
        };
        Ok(ToSqlOutput::Borrowed(borrowed))
    }
}

/// What an SQLite error means to the caller.
pub(super) fn classify(error: &rusqlite::Error) -> DriverError {
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        return DriverError::Other(Source::new(error.to_string()));
    };
    let message = message.clone().unwrap_or_else(|| failure.to_string());
    if let Some(broken) = constraint::broken(failure.extended_code, &message) {
        return broken;
    }
    if message == "integer overflow" {
        return DriverError::OutOfRange;
    }
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            DriverError::Overloaded("another process holds SQLite's writer")
        }
        ErrorCode::CannotOpen
        | ErrorCode::NotADatabase
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure => DriverError::Unavailable(Source::new(message)),
        _ => DriverError::Other(Source::new(message)),
    }
}
