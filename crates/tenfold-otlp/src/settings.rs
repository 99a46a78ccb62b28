//! Reads the standard variables of OpenTelemetry.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tenfold_outbound::OutboundUrl;

use crate::attributes::OtlpResource;

/// Where telemetry is sent, and how.
pub struct OtlpSettings {
    pub(crate) traces: Option<OtlpDestination>,
    pub(crate) logs: Option<OtlpDestination>,
    pub(crate) metrics: Option<OtlpDestination>,
    /// The share of traces that are sent besides those that are kept.
    pub(crate) share: f64,
    pub(crate) batch_delay: Duration,
    pub(crate) metrics_interval: Duration,
    pub(crate) resource: OtlpResource,
    /// What was asked for and is done otherwise.
    pub(crate) remarks: Vec<String>,
}

/// Where one kind of telemetry goes.
pub(crate) struct OtlpDestination {
    pub(crate) url: OutboundUrl,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timeout: Duration,
}

/// A variable with a value that it may not have. It names the variable, and shows no value that may be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {allowed}")]
pub struct OtlpSettingsError {
    /// The variable.
    pub variable: String,
    /// What is allowed.
    pub allowed: String,
}

/// Variables by their names, empty ones left out, as the specification wants.
struct Variables<L>(L);

impl OtlpSettings {
    /// What the variables say that `lookup` knows. `None` if no endpoint is named, or `OTEL_SDK_DISABLED` is true.
    ///
    /// `service` and `version` are the application's, unless variables say otherwise. `instance` tells processes apart.
    ///
    /// # Errors
    /// A variable has a value that it may not have.
    pub fn read(
        lookup: impl Fn(&str) -> Option<String>,
        service: &str,
        version: &str,
        instance: &str,
    ) -> Result<Option<Self>, OtlpSettingsError> {
        let variables = Variables(lookup);
        if variables.text("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let settings = OtlpSettings {
            traces: variables.destination("TRACES")?,
            logs: variables.destination("LOGS")?,
            metrics: variables.destination("METRICS")?,
            share: variables.share()?,
            batch_delay: variables.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 1_000)?,
            metrics_interval: variables.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000)?,
            resource: variables.resource(service, version, instance)?,
            remarks: variables.remarks(),
        };
        let is_wanted = settings.traces.is_some() || settings.logs.is_some() || settings.metrics.is_some();
        Ok(is_wanted.then_some(settings))
    }
}

impl fmt::Debug for OtlpSettings {
    /// Without the headers, which hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |signal: &Option<OtlpDestination>| signal.as_ref().map(|to| to.url.host().to_owned());
        f.debug_struct("OtlpSettings")
            .field("traces", &host(&self.traces))
            .field("logs", &host(&self.logs))
            .field("metrics", &host(&self.metrics))
            .field("share", &self.share)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The variable of a signal (`TRACES`), or that of all.
    fn of_signal(&self, signal: &str, what: &str) -> Option<(String, String)> {
        let names = [format!("OTEL_EXPORTER_OTLP_{signal}_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| self.text(&name).map(|value| (name, value)))
    }

    fn destination(&self, signal: &str) -> Result<Option<OtlpDestination>, OtlpSettingsError> {
        // Others, such as `prometheus` for metrics, are not ours to serve.
        let exporter = self.text(&format!("OTEL_{signal}_EXPORTER")).unwrap_or_else(|| "otlp".to_owned());
        let Some((name, endpoint)) = self.of_signal(signal, "ENDPOINT").filter(|_| exporter == "otlp") else {
            return Ok(None);
        };
        if let Some((name, protocol)) = self.of_signal(signal, "PROTOCOL")
            && protocol != "http/protobuf"
        {
            return Err(error(name, "only http/protobuf is spoken, to a collector's port 4318"));
        }
        // The endpoint of all signals is a base, that of one is the whole address.
        let address = if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
            format!("{}/v1/{}", endpoint.trim_end_matches('/'), signal.to_ascii_lowercase())
        } else {
            endpoint
        };
        let url = OutboundUrl::parse(&address);
        let url = url.map_err(|_| {
            error(name, "use an address such as http://localhost:4318 or https://otlp.example.com")
        })?;
        let (name, timeout) = self.of_signal(signal, "TIMEOUT").unwrap_or_default();
        let timeout =
            if timeout.is_empty() { Duration::from_secs(10) } else { milliseconds(&name, &timeout)? };
        let headers = match self.of_signal(signal, "HEADERS") {
            Some((name, value)) => headers(&name, pairs(&name, &value)?)?,
            None => Vec::new(),
        };
        Ok(Some(OtlpDestination { url, headers, timeout }))
    }

    fn share(&self) -> Result<f64, OtlpSettingsError> {
        const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
        let sampler = self.text(SAMPLER).unwrap_or_else(|| "always_on".to_owned());
        match sampler.strip_prefix("parentbased_").unwrap_or(&sampler) {
            "always_on" => Ok(1.0),
            "always_off" => Ok(0.0),
            "traceidratio" => {
                const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
                let share = self.text(ARGUMENT).map_or(Ok(1.0), |value| value.parse());
                let share = share.ok().filter(|share: &f64| (0.0..=1.0).contains(share));
                share.ok_or_else(|| error(ARGUMENT.to_owned(), "use a share between 0 and 1, such as 0.1"))
            }
            _ => Err(error(
                SAMPLER.to_owned(),
                "use always_on, always_off or traceidratio, also with parentbased_ before it",
            )),
        }
    }

    fn milliseconds(&self, name: &str, usual: u64) -> Result<Duration, OtlpSettingsError> {
        self.text(name).map_or(Ok(Duration::from_millis(usual)), |value| milliseconds(name, &value))
    }

    fn resource(
        &self,
        service: &str,
        version: &str,
        instance: &str,
    ) -> Result<OtlpResource, OtlpSettingsError> {
        const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let ours = [
            ("service.name", service),
            ("service.version", version),
            ("service.instance.id", instance),
            ("telemetry.sdk.name", "tenfold"),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ];
        let mut resource: BTreeMap<String, String> =
            ours.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        resource.extend(pairs(ATTRIBUTES, &self.text(ATTRIBUTES).unwrap_or_default())?);
        if let Some(name) = self.text("OTEL_SERVICE_NAME") {
            resource.insert("service.name".to_owned(), name);
        }
        Ok(resource.into_iter().collect())
    }

    fn remarks(&self) -> Vec<String> {
        let signals = ["TRACES", "LOGS", "METRICS"];
        let compressed = signals.iter().find_map(|signal| self.of_signal(signal, "COMPRESSION"));
        let compressed = compressed.filter(|(_, value)| value != "none");
        compressed
            .map(|(name, _)| format!("{name}: telemetry is sent without compression"))
            .into_iter()
            .collect()
    }
}

fn milliseconds(name: &str, value: &str) -> Result<Duration, OtlpSettingsError> {
    let number = value.parse().ok().filter(|number| (1..=3_600_000).contains(number));
    let number = number.ok_or_else(|| error(name.to_owned(), "use milliseconds from 1 to 3600000"))?;
    Ok(Duration::from_millis(number))
}

/// `key=value,key=value`, with percent-encoded values.
fn pairs(name: &str, text: &str) -> Result<Vec<(String, String)>, OtlpSettingsError> {
    let wrong = || error(name.to_owned(), "use key=value,key=value, with what is special in a value as %20");
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| wrong())?;
        let key = key.trim();
        if key.is_empty() { Err(wrong()) } else { Ok((key.to_owned(), value.into_owned())) }
    };
    text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect()
}

/// Headers that can be sent.
fn headers(name: &str, pairs: Vec<(String, String)>) -> Result<Vec<(String, String)>, OtlpSettingsError> {
    let is_word = |key: &str| {
        key.chars().all(|letter| letter.is_ascii_graphic() && !"(),/:;<=>?@[\\]{}\"".contains(letter))
    };
    let is_header = |(key, value): &(String, String)| is_word(key) && !value.chars().any(char::is_control);
    match pairs.iter().all(is_header) {
        true => Ok(pairs),
        false => Err(error(name.to_owned(), "a name or value has characters that no header may have")),
    }
}

fn error(variable: String, allowed: &str) -> OtlpSettingsError {
    OtlpSettingsError { variable, allowed: allowed.to_owned() }
}
