//! Which class and kind a request is, by its route.

use std::collections::HashMap;

use http::Method;
use tenfold_admission::RequestClass;

/// The classes of all routes.
#[derive(Default)]
pub(crate) struct RouteClasses {
    /// The operations of each path in the document.
    operations: HashMap<String, Vec<(Method, RequestClass, usize)>>,
    /// The paths of critical pages, and of all below them.
    critical: Vec<&'static str>,
    /// Kind 0 is everything that is not in the document.
    last_kind: usize,
}

impl RouteClasses {
    /// Of operations that are still to be added, and of pages at and below these paths, which are critical.
    pub(in super::super) fn new(critical: Vec<&'static str>) -> Self {
        RouteClasses { operations: HashMap::new(), critical, last_kind: 0 }
    }

    /// Adds an operation, a kind of its own.
    pub(in super::super) fn add(&mut self, method: Method, path: &str, class: RequestClass) {
        self.last_kind += 1;
        self.operations.entry(path.to_owned()).or_default().push((method, class, self.last_kind));
    }

    /// The class and the kind of a request to this route. HEAD is as GET.
    pub(super) fn of(&self, method: &Method, route: &str) -> (RequestClass, usize) {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let mut operations = self.operations.get(route).into_iter().flatten();
        if let Some((_, class, kind)) = operations.find(|(declared, ..)| declared == method) {
            return (*class, *kind);
        }
        let is_critical = self.critical.iter().any(|path| {
            route.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        (if is_critical { RequestClass::Critical } else { RequestClass::Normal }, 0)
    }
}
