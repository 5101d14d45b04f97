use proptest::prelude::*;

use super::*;

const WHOLE: &str = r#"
[defaults]
formats = "cip"
peername = false

[[source]]
name = "balancer"
scope = "host"
trust = ["100.125.0.0/16", "fd00:125::/64"]

[[source]]
name = "web"
scope = "/sys/fs/cgroup/system.slice"
trust = "private"
formats = ["toa", "vtoa"]
peername = true
insecure-believe-implausible = true
"#;

#[test]
fn a_source_says_all_or_takes_the_defaults() {
    let [balancer, web] = &Settings::parse(WHOLE).unwrap().sources[..] else {
        panic!("there are two")
    };
    let expected = Config::new("100.125.0.0/16,fd00:125::/64".parse().unwrap())
        .with_formats("cip".parse().unwrap())
        .with_peername(false);
    assert_eq!((&*balancer.name, &balancer.config), ("balancer", &expected));
    let expected = Config::new(TrustedPeers::private())
        .with_formats("toa,vtoa".parse().unwrap())
        .with_insecure_believe_implausible(true)
        .with_cgroup("/sys/fs/cgroup/system.slice");
    assert_eq!((&*web.name, &web.config), ("web", &expected));
}

#[test]
fn without_defaults_a_source_behaves_as_one_loaded_by_hand() {
    let text = "[[source]]\nname = 'a'\nscope = 'host'\ntrust = ['10.1.0.0/16']\n";
    let settings = Settings::parse(text).unwrap();
    let expected = Config::new("10.1.0.0/16".parse().unwrap());
    assert_eq!(settings.sources[0].config, expected);
}

#[test]
fn nonsense_is_refused_with_its_line_and_what_to_write() {
    const HEAD: &str = "[[source]]\nname = 'a'\nscope = 'host'\n";
    for (text, words) in [
        ("", &["no [[source]]", "scope = \"host\""][..]),
        ("[[source]]\n", &["line 1", "no name", "name = "]),
        ("[[source]]\nname = 'a'\n", &["line 1", "scope = \"host\""]),
        (HEAD, &["line 1", "trust = [\"100.125.0.0/16\"]"]),
        (
            &format!("{HEAD}trusted = ['10.0.0.0/8']\n"),
            &["line 4", "there is no key `trusted`", "`trust`"],
        ),
        (
            "[defaults]\ntrust = 'any'\n",
            &["line 2", "there is no key `trust`", "`peername`"],
        ),
        (
            "[sources]\n",
            &["line 1", "there is no key `sources`", "`source`"],
        ),
        (
            &format!("{HEAD}trust = ['10.0.0.0/33']\n"),
            &["line 4", "10.0.0.0/33", "write CIDRs"],
        ),
        (
            &format!("{HEAD}trust = ['10.0.0.1/8']\n"),
            &["line 4", "write 10.0.0.0/8"],
        ),
        (
            &format!("{HEAD}trust = []\n"),
            &["line 4", "no trusted network"],
        ),
        (
            &format!("{HEAD}trust = true\n"),
            &["line 4", "expected `private`"],
        ),
        (
            &format!("{HEAD}trust = 'private'\nformats = ['proxy']\n"),
            &["line 5", "proxy"],
        ),
        (
            &format!("{HEAD}trust = 'private'\npeername = 'no'\n"),
            &["line 5", "expected a boolean"],
        ),
        (
            "[[source]]\nname = 'a'\nscope = 'system.slice'\n",
            &[
                "line 3",
                "\"system.slice\" is not a scope",
                "/sys/fs/cgroup/",
            ],
        ),
        (
            "[[source]]\nname = 'a'\nscope = '/sys/fs/cgroup/system.slice/nginx.service'\n",
            &[
                "line 3",
                "removed when nginx.service stops",
                "ExecStartPre=+",
            ],
        ),
        (
            "[[source]]\nname = ' '\nscope = 'host'\ntrust = 'private'\n",
            &["line 2", "name is empty"],
        ),
        (
            &format!("{HEAD}trust = 'private'\n{HEAD}trust = 'private'\n"),
            &["line 6", "name is that of line 2 again"],
        ),
        (
            &format!("{HEAD}trust = 'private'\n{}", HEAD.replace("'a'", "'b'")),
            &["line 7", "scope is that of line 3 again"],
        ),
        ("[[source]]\nname = \n", &["line 2", "name ="]),
    ] {
        let said = format!("{:#}", Settings::parse(text).unwrap_err());
        for word in words {
            assert!(said.contains(word), "{text}\nhas {word}: {said}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Settings::read(Path::new("/no/such.toml")).unwrap_err();
    let said = format!("{error:#}");
    assert!(said.contains("/no/such.toml: No such file"), "{said}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(cut in 0..WHOLE.len(), text in "\\PC{0,20}", lines in "[a-z='\\[\\]\n\"]*") {
        let cut = WHOLE.get(..cut).unwrap_or_default();
        for text in [format!("{cut}{text}"), lines] {
            let _ = Settings::parse(&text);
        }
    }
}
