//! What `serve` and `verify` can be told, on the command line or in the environment.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use http::HeaderValue;

use crate::{
    app::LogKept,
    grpc::{server::ServerConfig, web::Origins},
    limits::{TEXT_BYTES_CEILING, WORKERS_MAX},
    telemetry::{LogFormat, parse_filter},
};

/// The database's cache may not be smaller: it would read every page again and again.
const CACHE_BYTES_MIN: u64 = 1_024 * 1_024;

/// The flags of `serve`; each is an environment variable, too.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Where to listen, as IP:port; port 0 is one that is free
    #[arg(long, env = "SPANDREL_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50051",
          value_parser = parse_listen)]
    listen: SocketAddr,

    /// The folder that everything is kept in; made if it is missing
    #[arg(long, env = "SPANDREL_DATA_DIR", value_name = "FOLDER", default_value = "./spandrel-data")]
    data_dir: PathBuf,

    /// The longest text of an article, at most 64MiB
    #[arg(long, env = "SPANDREL_MAX_TEXT", value_name = "SIZE", default_value = "2MiB",
          value_parser = parse_text_size)]
    max_text: usize,

    /// Threads that serve calls [default: one a core]
    #[arg(long, env = "SPANDREL_WORKERS", value_name = "COUNT", value_parser = parse_workers)]
    workers: Option<NonZeroUsize>,

    /// Memory for the database's cache of pages
    #[arg(long, env = "SPANDREL_CACHE", value_name = "SIZE", default_value = "128MiB",
          value_parser = parse_cache_size)]
    cache: u64,

    /// Free space on the disk below which writes are refused
    #[arg(long, env = "SPANDREL_FREE_SPACE", value_name = "SIZE", default_value = "256MiB",
          value_parser = parse_size)]
    free_space: u64,

    /// How long a project's log keeps a commit, which can be followed, listed and undone until then
    #[arg(long, env = "SPANDREL_LOG_AGE", value_name = "TIME", default_value = "30d", value_parser = parse_time)]
    log_age: Duration,

    /// How many commits a project's log keeps
    #[arg(long, env = "SPANDREL_LOG_COMMITS", value_name = "COUNT", default_value = "1000000",
          value_parser = parse_commits)]
    log_commits: u64,

    /// Whose web pages may call the server, as scheme://host:port with commas between; * is everybody's
    #[arg(long = "cors-origin", env = "SPANDREL_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',',
          default_value = "*", value_parser = parse_origin)]
    cors_origins: Vec<Origin>,

    /// Calls in flight, open streams included; one more is refused
    #[arg(long, env = "SPANDREL_MAX_CALLS", value_name = "COUNT", default_value = "4096",
          value_parser = parse_count)]
    max_calls: NonZeroUsize,

    /// How long an answer may take to begin, the request's own way included
    #[arg(long, env = "SPANDREL_CALL_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value = "1m")]
    call_timeout: Duration,

    /// How long to wait for what was begun when the server stops
    #[arg(long, env = "SPANDREL_DRAIN_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value = "10s")]
    drain_timeout: Duration,

    /// Which events are logged, such as warn, or info,spandrel=debug
    #[arg(long, env = "SPANDREL_LOG", value_name = "FILTER", default_value = "info",
          value_parser = parse_log)]
    log: String,

    /// How they are written
    #[arg(long, env = "SPANDREL_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

/// The flags of `verify`; each is an environment variable, too.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyArgs {
    /// The folder that a server keeps everything in; no server may be using it
    #[arg(long, env = "SPANDREL_DATA_DIR", value_name = "FOLDER", default_value = "./spandrel-data")]
    pub data_dir: PathBuf,

    /// Memory for the database's cache of pages
    #[arg(long, env = "SPANDREL_CACHE", value_name = "SIZE", default_value = "128MiB",
          value_parser = parse_cache_size)]
    pub cache: u64,
}

/// How to serve: every value is within its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The transport.
    pub server: ServerConfig,
    /// The folder that everything is kept in.
    pub data_dir: PathBuf,
    /// The longest text; at most [`TEXT_BYTES_CEILING`].
    pub text_bytes_max: usize,
    /// The database's cache of pages.
    pub cache_bytes: u64,
    /// Free space on the disk below which writes are refused.
    pub free_space_bytes: u64,
    /// How much of its log a project keeps.
    pub log_kept: LogKept,
    /// Which events are logged.
    pub log: String,
    /// How they are written.
    pub log_format: LogFormat,
}

impl From<ServeArgs> for Config {
    fn from(args: ServeArgs) -> Self {
        let ServeArgs {
            listen,
            data_dir,
            max_text,
            workers,
            cache,
            free_space,
            log_age,
            log_commits,
            cors_origins,
            max_calls,
            call_timeout,
            drain_timeout,
            log,
            log_format,
        } = args;
        let defaults = ServerConfig::new(listen);
        let only: Option<Vec<HeaderValue>> = cors_origins.into_iter().map(|origin| origin.0).collect();
        Self {
            server: ServerConfig {
                listen,
                workers: workers.unwrap_or(defaults.workers),
                origins: only.map_or(Origins::Any, Origins::Only),
                calls_in_flight_max: max_calls.get(),
                begin_max: Some(call_timeout),
                drain_max: drain_timeout,
            },
            data_dir,
            text_bytes_max: max_text,
            cache_bytes: cache,
            free_space_bytes: free_space,
            log_kept: LogKept { age: log_age, commits: log_commits },
            log,
            log_format,
        }
    }
}

/// An origin that may call; `None` is any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin(Option<HeaderValue>);

fn parse_origin(text: &str) -> Result<Origin, String> {
    if text == "*" {
        return Ok(Origin(None));
    }
    let wrong = || format!("{text:?} is not * or an origin without a path, such as https://annotate.example");
    let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
    let is_host = !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']);
    if !is_host
        || scheme.is_empty()
        || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(wrong());
    }
    HeaderValue::from_str(text).map(|origin| Origin(Some(origin))).map_err(|_| wrong())
}

fn parse_log(text: &str) -> Result<String, String> {
    parse_filter(text).map(|_| text.to_owned())
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "must be an IP address and a port, such as 127.0.0.1:50051; 0.0.0.0 is all addresses of this machine"
            .to_owned()
    })
}

fn parse_count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| format!("{text:?} is not a count from 1"))
}

fn parse_workers(text: &str) -> Result<NonZeroUsize, String> {
    let count = parse_count(text)?;
    if count.get() > WORKERS_MAX {
        return Err(format!("at most {WORKERS_MAX}"));
    }
    Ok(count)
}

fn parse_text_size(text: &str) -> Result<usize, String> {
    let bytes = parse_size(text)?;
    usize::try_from(bytes)
        .ok()
        .filter(|bytes| (1..=TEXT_BYTES_CEILING).contains(bytes))
        .ok_or_else(|| format!("{bytes} bytes; from 1 to {TEXT_BYTES_CEILING} (64MiB) are allowed"))
}

fn parse_cache_size(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text)?;
    if bytes < CACHE_BYTES_MIN {
        return Err(format!("{bytes} bytes; at least {CACHE_BYTES_MIN} (1MiB) are needed"));
    }
    Ok(bytes)
}

/// A number of bytes, or of KiB, MiB or GiB.
fn parse_size(text: &str) -> Result<u64, String> {
    let (count, unit) = number_and_unit(text);
    let unit_bytes = match unit {
        "" | "B" => Some(1),
        "KiB" => Some(1_024_u64),
        "MiB" => Some(1_024 * 1_024),
        "GiB" => Some(1_024 * 1_024 * 1_024),
        _ => None,
    };
    let bytes = count.zip(unit_bytes).and_then(|(count, unit)| count.checked_mul(unit));
    bytes.ok_or_else(|| format!("{text:?} is not a size such as 1048576, 512KiB, 2MiB or 1GiB"))
}

fn parse_commits(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a count from 0"))
}

/// A number of ms, s, m, h or d.
fn parse_time(text: &str) -> Result<Duration, String> {
    match number_and_unit(text) {
        (Some(count), "ms") => Some(Duration::from_millis(count)),
        (Some(count), "s") => Some(Duration::from_secs(count)),
        (Some(count), "m") => count.checked_mul(60).map(Duration::from_secs),
        (Some(count), "h") => count.checked_mul(3_600).map(Duration::from_secs),
        (Some(count), "d") => count.checked_mul(86_400).map(Duration::from_secs),
        _ => None,
    }
    .ok_or_else(|| format!("{text:?} is not a time such as 500ms, 30s, 2m or 30d"))
}

fn number_and_unit(text: &str) -> (Option<u64>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(digits)
        .map_or((None, text), |(number, unit)| (number.parse().ok(), unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::limits;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn parse(args: &[&str]) -> Result<Config, String> {
        let cli = Cli::try_parse_from(std::iter::once(&"serve").chain(args));
        cli.map(|cli| cli.serve.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_the_limits_defaults() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.server, ServerConfig::new(([127, 0, 0, 1], 50051).into()));
        assert_eq!(config.data_dir, PathBuf::from("./spandrel-data"));
        assert_eq!(config.text_bytes_max, limits::TEXT_BYTES_DEFAULT);
        assert_eq!(config.cache_bytes, limits::DATABASE_CACHE_BYTES_DEFAULT);
        assert_eq!(config.free_space_bytes, limits::FREE_SPACE_BYTES_DEFAULT);
        assert_eq!(config.log_kept, LogKept::DEFAULT);
        assert_eq!((config.log.as_str(), config.log_format), ("info", LogFormat::Text));
    }

    #[test]
    fn every_flag_is_taken() {
        let args = [
            "--listen=[::1]:7",
            "--data-dir=/d",
            "--max-text=64MiB",
            "--workers=3",
            "--cache=1MiB",
            "--free-space=0",
            "--log-age=12h",
            "--log-commits=7",
            "--cors-origin=https://a.example,http://localhost:5173",
            "--max-calls=9",
            "--call-timeout=2m",
            "--drain-timeout=500ms",
            "--log=warn,spandrel=debug",
            "--log-format=json",
        ];
        let config = parse(&args).unwrap();
        let origins = ["https://a.example", "http://localhost:5173"].map(HeaderValue::from_static);
        let expected = Config {
            server: ServerConfig {
                listen: "[::1]:7".parse().unwrap(),
                workers: NonZeroUsize::new(3).unwrap(),
                origins: Origins::Only(origins.to_vec()),
                calls_in_flight_max: 9,
                begin_max: Some(Duration::from_mins(2)),
                drain_max: Duration::from_millis(500),
            },
            data_dir: "/d".into(),
            text_bytes_max: TEXT_BYTES_CEILING,
            cache_bytes: 1_024 * 1_024,
            free_space_bytes: 0,
            log_kept: LogKept { age: Duration::from_hours(12), commits: 7 },
            log: "warn,spandrel=debug".to_owned(),
            log_format: LogFormat::Json,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn one_star_among_the_origins_is_any() {
        let config = parse(&["--cors-origin=https://a.example", "--cors-origin=*"]).unwrap();
        assert_eq!(config.server.origins, Origins::Any);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (arg, hint) in [
            ("--listen=localhost:50051", "such as 127.0.0.1:50051"),
            ("--max-text=65MiB", "64MiB"),
            ("--max-text=0", "from 1"),
            ("--max-text=2MB", "2MiB"),
            ("--max-text=", "2MiB"),
            ("--cache=1KiB", "1MiB"),
            ("--cache=99999999999GiB", "1GiB"),
            ("--workers=0", "from 1"),
            ("--workers=257", "at most 256"),
            ("--max-calls=0", "from 1"),
            ("--cors-origin=annotate.example", "https://annotate.example"),
            ("--cors-origin=https://annotate.example/", "without a path"),
            ("--call-timeout=5", "30s"),
            ("--log-age=1y", "30d"),
            ("--log-commits=many", "count from 0"),
            ("--log=spandrel=loud", "spandrel=loud"),
            ("--log-format=xml", "json"),
        ] {
            let error = parse(&[arg]).unwrap_err();
            assert!(error.contains(hint), "{arg}: {error}");
        }
    }
}
