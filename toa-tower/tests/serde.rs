//! What is known of a client, written down and read back: for logs and sessions.
#![cfg(feature = "serde")]

use toa_tower::{ClientAddr, RealClient};

#[test]
fn a_client_is_written_with_ipv4_as_ipv4_and_read_back() {
    for (client, shown) in [
        ("203.0.113.7:41234", "203.0.113.7:41234"),
        ("[2001:db8::7]:41234", "[2001:db8::7]:41234"),
    ] {
        let client: std::net::SocketAddr = client.parse().unwrap();
        let client = ClientAddr::mock_toa(client);
        let json = serde_json::to_string(&client).unwrap();
        let expected =
            format!(r#"{{"client":"{shown}","peer":"10.0.0.1:40000","provenance":"toa"}}"#);
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<ClientAddr>(&json).unwrap(), client);

        let client = RealClient::from(client);
        let json = serde_json::to_string(&client).unwrap();
        assert_eq!(json, format!("{shown:?}"));
        assert_eq!(serde_json::from_str::<RealClient>(&json).unwrap(), client);
    }
    assert!(serde_json::from_str::<RealClient>("\"203.0.113.7\"").is_err());
}
