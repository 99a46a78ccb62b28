//! Which class and kind a request is, by its route.

use std::collections::HashMap;

use http::Method;
use tenfold_admission::RequestClass;

/// Pages that are critical: those at a path and below it, except some.
#[derive(Clone, Copy)]
pub(crate) struct CriticalPages {
    pub(crate) path: &'static str,
    pub(crate) except: &'static [&'static str],
}

impl CriticalPages {
    fn has(&self, route: &str) -> bool {
        let is_below =
            route.strip_prefix(self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_below && !self.except.contains(&route)
    }
}

/// The classes of all routes.
#[derive(Default)]
pub(crate) struct RouteClasses {
    /// The operations of each path in the document.
    operations: HashMap<String, Vec<(Method, RequestClass, usize)>>,
    critical: Vec<CriticalPages>,
    /// Kind 0 is everything that is not in the document.
    last_kind: usize,
}

impl RouteClasses {
    /// Of operations that are still to be added, and of these pages.
    pub(in super::super) fn new(critical: Vec<CriticalPages>) -> Self {
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
        let is_critical = self.critical.iter().any(|pages| pages.has(route));
        (if is_critical { RequestClass::Critical } else { RequestClass::Normal }, 0)
    }
}
