//! A provider on a loopback socket, which can also lie. It shares nothing with what it tests: it makes tokens, and reads none.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::signer::Signer;

pub const CLIENT: &str = "our-client";
pub const SECRET: &str = "our:client/secret";

/// What the provider does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lie {
    #[default]
    Nothing,
    Nonce,
    Audience,
    TwoAudiences,
    Issuer,
    Expired,
    NotYet,
    NoAlgorithm,
    /// Signed with the client's secret, as if it were shared for that.
    SharedSecret,
    /// Signed with the public key, as if it were a shared secret.
    PublicKeyAsSecret,
    /// Signed with a key that nobody publishes, under the name of one that is.
    OtherKey,
    BrokenSignature,
    NotAToken,
    /// The person whom it asks about apart from the token is another.
    OtherPerson,
    NoJson,
    Huge,
    Status,
}

/// The person who is signed in there.
#[derive(Clone)]
pub struct Person {
    pub subject: String,
    pub email: String,
    pub is_verified: bool,
}

pub struct FakeState {
    pub lie: Lie,
    pub person: Person,
    /// Whether the address is told apart from the ID token only.
    pub is_terse: bool,
    /// Whether the ID token says nothing of whether the address is verified, as Microsoft's.
    pub is_unsure: bool,
    /// The organization at Google that the person belongs to.
    pub domain: Option<&'static str>,
    /// The paths that answer with an error.
    pub broken: Vec<&'static str>,
    /// The paths that do not answer.
    pub silent: Vec<&'static str>,
    /// The paths that were asked for.
    pub asked: Vec<String>,
    /// Seconds since 1970, as the test's clock has them.
    pub now: i64,
    pub signer: Signer,
    agreed: usize,
    given: HashMap<String, Given>,
    held: Vec<TcpStream>,
}

/// What belongs to a code.
struct Given {
    nonce: String,
    challenge: String,
    callback: String,
}

/// The provider.
pub struct FakeProvider {
    pub url: String,
    state: Arc<Mutex<FakeState>>,
}

impl FakeProvider {
    /// Starts one. Its threads end with the process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let person = Person { subject: "subject-1".into(), email: "ada@new.test".into(), is_verified: true };
        let state = Arc::new(Mutex::new(FakeState {
            lie: Lie::Nothing,
            person,
            is_terse: false,
            is_unsure: false,
            domain: None,
            broken: Vec::new(),
            silent: Vec::new(),
            asked: Vec::new(),
            now: 0,
            signer: Signer::rsa("key-1"),
            agreed: 0,
            given: HashMap::new(),
            held: Vec::new(),
        }));
        let provider = FakeProvider { url: url.clone(), state: Arc::clone(&state) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, url) = (Arc::clone(&state), url.clone());
                // One that hangs up early is its own loss.
                std::thread::spawn(move || serve(stream, &state, &url).unwrap_or_default());
            }
        });
        provider
    }

    pub fn set(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().expect("no thread of the provider has failed")
    }

    /// How often a path was asked for.
    pub fn times(&self, path: &str) -> usize {
        self.set().asked.iter().filter(|asked| *asked == path).count()
    }

    /// The person agrees on the page that a browser was sent to; gives the query that the browser comes back with.
    pub fn agree(&self, page: &str) -> String {
        let (_, query) = page.split_once('?').expect("the page has parameters");
        let asked: HashMap<String, String> = pairs(query);
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(!asked.values().any(|value| value.contains(SECRET)));
        let mut state = self.set();
        let code = format!("code-{}", state.agreed);
        state.agreed += 1;
        let given = Given {
            nonce: asked.get("nonce").cloned().unwrap_or_default(),
            challenge: asked["code_challenge"].clone(),
            callback: asked["redirect_uri"].clone(),
        };
        state.given.insert(code.clone(), given);
        format!("code={code}&state={}", asked["state"])
    }
}

/// Decodes a query or a form.
pub fn pairs(text: &str) -> HashMap<String, String> {
    let decoded = |part: &str| {
        percent_encoding::percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned()
    };
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn serve(stream: TcpStream, state: &Mutex<FakeState>, url: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length, mut authorization) = (String::new(), 0, String::new());
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.trim().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    let mut state = state.lock().expect("no thread of the provider has failed");
    state.asked.push(path.clone());
    if state.silent.contains(&&*path) {
        state.held.push(stream);
        return Ok(());
    }
    let (status, answer) = state.answer(&path, &authorization, &pairs(&String::from_utf8_lossy(&body)), url);
    drop(state);
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}",
        answer.len()
    )
}

impl FakeState {
    fn answer(
        &mut self,
        path: &str,
        shown: &str,
        form: &HashMap<String, String>,
        url: &str,
    ) -> (&'static str, String) {
        let found = match path {
            "/.well-known/openid-configuration" => Some(json!({
                "issuer": url,
                "authorization_endpoint": format!("{url}/authorize"),
                "token_endpoint": format!("{url}/token"),
                "jwks_uri": format!("{url}/keys"),
                "userinfo_endpoint": format!("{url}/person"),
            })),
            "/keys" => {
                Some(json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, self.signer.public()]}))
            }
            "/token" => self.token(shown, form, url),
            "/login/oauth/access_token" => self.github_token(form),
            "/person" if shown == "Bearer access-token" => Some(self.person()),
            "/api/v3/user" if shown == "Bearer access-token" => {
                Some(json!({"id": 4711, "login": "ada", "name": null}))
            }
            "/api/v3/user/emails" if shown == "Bearer access-token" => Some(json!([
                {"email": "other@new.test", "primary": false, "verified": true},
                {"email": self.person.email, "primary": true, "verified": self.person.is_verified},
            ])),
            _ => None,
        };
        match (found, self.lie) {
            _ if self.broken.contains(&path) => ("503 Service Unavailable", "{}".to_owned()),
            (_, Lie::NoJson) if path == "/token" => ("200 OK", "<html>".to_owned()),
            (_, Lie::Huge) if path == "/token" => ("200 OK", format!("\"{}\"", "x".repeat(2 << 20))),
            (_, Lie::Status) if path == "/token" => ("500 Internal Server Error", "{}".to_owned()),
            (Some(found), _) => ("200 OK", found.to_string()),
            (None, _) => ("400 Bad Request", json!({"error": "invalid_grant", "hint": SECRET}).to_string()),
        }
    }

    fn person(&self) -> Value {
        let subject = if self.lie == Lie::OtherPerson { "subject-of-another" } else { &self.person.subject };
        json!({"sub": subject, "email": self.person.email, "email_verified": self.person.is_verified})
    }

    /// What belongs to the code of a form, if it is right and shows the verifier.
    fn redeem(&mut self, form: &HashMap<String, String>) -> Option<Given> {
        let given = self.given.remove(form.get("code")?)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form.get("code_verifier")?));
        (challenge == given.challenge && form.get("redirect_uri") == Some(&given.callback)).then_some(given)
    }

    fn github_token(&mut self, form: &HashMap<String, String>) -> Option<Value> {
        let is_ours = form.get("client_id").is_some_and(|id| id == CLIENT)
            && form.get("client_secret").is_some_and(|secret| secret == SECRET);
        self.redeem(form).filter(|_| is_ours).map(|_| json!({"access_token": "access-token"}))
    }

    fn token(&mut self, shown: &str, form: &HashMap<String, String>, url: &str) -> Option<Value> {
        // Each part is encoded before they are joined (RFC 6749, section 2.3.1).
        let expected = STANDARD.encode("our-client:our%3Aclient%2Fsecret");
        let given = self.redeem(form).filter(|_| shown == format!("Basic {expected}"))?;
        let mut claims = json!({
            "iss": url, "sub": self.person.subject, "aud": CLIENT, "nonce": given.nonce,
            "iat": self.now, "exp": self.now + 300,
        });
        if !self.is_terse && self.lie != Lie::OtherPerson {
            claims["email"] = json!(self.person.email);
            if !self.is_unsure {
                claims["email_verified"] = json!(self.person.is_verified);
            }
        }
        if let Some(domain) = self.domain {
            claims["hd"] = json!(domain);
        }
        match self.lie {
            Lie::Nonce => claims["nonce"] = json!("of-another-attempt"),
            Lie::Audience => claims["aud"] = json!("another-client"),
            Lie::TwoAudiences => claims["aud"] = json!([CLIENT, "another-client"]),
            Lie::Issuer => claims["iss"] = json!("https://issuer.test"),
            Lie::Expired => claims["exp"] = json!(self.now - 61),
            Lie::NotYet => claims["nbf"] = json!(self.now + 61),
            _ => {}
        }
        Some(
            json!({"access_token": "access-token", "token_type": "Bearer", "id_token": self.id_token(&claims)}),
        )
    }

    fn id_token(&self, claims: &Value) -> String {
        let public = self.signer.public().to_string();
        match self.lie {
            Lie::NoAlgorithm => Signer::unsigned(claims),
            Lie::SharedSecret => Signer::shared(SECRET.as_bytes(), claims),
            Lie::PublicKeyAsSecret => Signer::shared(public.as_bytes(), claims),
            Lie::OtherKey => self.signer.pretender().sign(claims),
            Lie::BrokenSignature => {
                let token = self.signer.sign(claims);
                let (signed, signature) = token.rsplit_once('.').expect("it is signed");
                let changed = if signature.starts_with('A') { "B" } else { "A" };
                format!("{signed}.{changed}{}", &signature[1..])
            }
            Lie::NotAToken => "not-a-token".to_owned(),
            _ => self.signer.sign(claims),
        }
    }
}
