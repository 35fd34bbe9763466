//! Origin of a request.

use std::net::IpAddr;
use std::sync::Arc;

/// Origin of a request, and its route.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Request id, in the answer and in the log.
    pub request_id: Option<Arc<str>>,
    /// Client IP address.
    pub address: Option<IpAddr>,
    /// Method and path of the route, with its parameters in braces.
    pub route: Option<Arc<str>>,
}
