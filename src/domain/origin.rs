//! Where a request came from.

use std::net::IpAddr;
use std::sync::Arc;

/// Where a request came from, and what it asked for.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The id by which answer and log know the request.
    pub request_id: Option<Arc<str>>,
    /// The address of whoever calls.
    pub address: Option<IpAddr>,
    /// The method and the path of the route, with its parameters in braces.
    pub route: Option<Arc<str>>,
}
