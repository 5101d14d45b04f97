//! `axum::serve`.

use std::net::SocketAddr;

use anyhow::bail;
use axum::ServiceExt;
use axum::extract::Request;
use toa_tower::{ClientAddr, ToaLayer, ToaListener};
use tokio::net::TcpListener;
use tower_layer::Layer as _;

use super::announce::announce;
use crate::app::Method;

pub(super) async fn serve(method: Method) -> anyhow::Result<()> {
    let app = method.app();
    if method == Method::ToaAround {
        let listener = ToaListener::bind("[::]:0").await?;
        announce(listener.local_addr()?)?;
        let app = ServiceExt::<Request>::into_make_service_with_connect_info::<ClientAddr>(
            ToaLayer.layer(app),
        );
        axum::serve(listener, app).await?;
        return Ok(());
    }
    if matches!(method, Method::Toa | Method::ToaWithoutLayer) {
        let listener = ToaListener::bind("[::]:0").await?;
        announce(listener.local_addr()?)?;
        let app = app.into_make_service_with_connect_info::<ClientAddr>();
        axum::serve(listener, app).await?;
        return Ok(());
    }
    let listener = TcpListener::bind("[::]:0").await?;
    announce(listener.local_addr()?)?;
    match method {
        Method::Bare | Method::Forwarded => axum::serve(listener, app).await?,
        Method::ConnectInfo | Method::EmptyLayer => {
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, app).await?;
        }
        Method::Proxy | Method::Toa | Method::ToaAround | Method::ToaWithoutLayer => {
            bail!("not a method of axum::serve")
        }
    }
    Ok(())
}
