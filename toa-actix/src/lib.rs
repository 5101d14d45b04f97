//! The real client behind a TOA load balancer, for actix-web.
