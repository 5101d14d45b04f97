//! The real client behind a TOA load balancer, for axum, tower and hyper.
