"""Settings: where they come from, which are refused, and the secret that is made."""

import stat
from pathlib import Path
from typing import Any

import pytest

from madang.config import Settings, SettingsError, accepted, load_settings, signing_secret

LONG = "x" * 32


def refusal(environment: dict[str, str], flags: dict[str, str | None] | None = None) -> SettingsError:
    """The error these settings stop the start with."""
    with pytest.raises(SettingsError) as caught:
        load_settings(flags or {}, environment)
    return caught.value


def test_defaults_need_nothing() -> None:
    """Without any variable, the defaults hold."""
    assert load_settings({}, {"PATH": "/bin"}) == Settings()


def test_every_setting_has_a_default_its_own_parser_or_an_empty_one_takes() -> None:
    """No default is something the environment could not say."""
    for name, accepts in accepted().items():
        default = getattr(Settings(), name)
        if default and isinstance(default, str | int | float):
            text = str(int(default)) if isinstance(default, bool) else str(default)
            assert accepts.parse(text) == default


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    """Each source hides the ones below it."""
    file = tmp_path / "madang.toml"
    file.write_text(
        'host = "file"\nport = 1\nsend_rate = 2.5\norigins = ["https://a.example", "http://b.example:81"]\n'
    )
    environment = {"MADANG_CONFIG": str(file), "MADANG_HOST": "environment", "MADANG_PORT": "2"}
    settings = load_settings({"port": "3", "host": None}, environment)
    assert (settings.host, settings.port, settings.send_rate) == ("environment", 3, 2.5)
    assert settings.origins == ("https://a.example", "http://b.example:81")


def test_a_table_of_the_file_is_a_mapping(tmp_path: Path) -> None:
    """Claims may be written as a table."""
    file = tmp_path / "madang.toml"
    host = f'jwt_secret = "{LONG}"\njwt_issuer = "https://host.example"\njwt_audience = "madang"\n'
    file.write_text(f'{host}[jwt_claims]\nsub = "user_id"\n')
    assert load_settings({}, {"MADANG_CONFIG": str(file)}).jwt_claims == {"sub": "user_id"}


def test_an_empty_value_is_an_unset_one() -> None:
    """`MADANG_PORT=` means the default, as deployment templates write it."""
    assert load_settings({}, {"MADANG_PORT": " "}).port == Settings().port


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MADANG_PORT", "65536"),
        ("MADANG_PORT", "-1"),
        ("MADANG_PORT", "http"),
        ("MADANG_WORKERS", "0"),
        ("MADANG_WORKERS", "2"),
        ("MADANG_DATABASE_URL", "mysql://localhost/madang"),
        ("MADANG_UNSAFE_DURABILITY", "yes"),
        ("MADANG_REDIS_URL", "redis://localhost"),
        ("MADANG_REDIS_URL", "http://localhost"),
        ("MADANG_REDIS_URL", "redis://"),
        ("MADANG_REDIS_URL", "redis://localhost:0"),
        ("MADANG_REDIS_URL", "redis://localhost:99999"),
        ("MADANG_REDIS_URL", "redis://localhost/chat"),
        ("MADANG_REDIS_URL", "redis://localhost/1?ssl=true"),
        ("MADANG_PERSISTENCE", "queue"),
        ("MADANG_PERSISTENCE", "never"),
        ("MADANG_PUBLIC_URL", "chat.example"),
        ("MADANG_PUBLIC_URL", "ftp://chat.example"),
        ("MADANG_PUBLIC_URL", "https://chat.example/?a=b"),
        ("MADANG_PUBLIC_URL", "https://chat.example/../x"),
        ("MADANG_PUBLIC_URL", 'https://chat.example/"><script>'),
        ("MADANG_PUBLIC_URL", "https://chat.example:99999"),
        ("MADANG_ORIGINS", "*"),
        ("MADANG_ORIGINS", "https://a.example/path"),
        ("MADANG_REGISTRATION", "maybe"),
        ("MADANG_REGISTRATION", "invite"),
        ("MADANG_DIRECTORY", "yes"),
        ("MADANG_CONVERSATIONS", "nobody"),
        ("MADANG_SEND_RATE", "-1"),
        ("MADANG_SEND_RATE", "nan"),
        ("MADANG_SEND_RATE", "inf"),
        ("MADANG_JWKS_URL", "https://host.example/keys"),
        ("MADANG_JWT_ISSUER", "https://host.example"),
        ("MADANG_JWT_AUDIENCE", "madang"),
        ("MADANG_JWT_CLAIMS", "sub=user_id"),
        ("MADANG_TRUSTED_PROXIES", "nginx"),
        ("MADANG_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("MADANG_LOG", "xml"),
        ("MADANG_LOG_LEVEL", "loud"),
        ("MADANG_CONFIG", "/nowhere/madang.toml"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    """The start stops with the setting's name and a sentence."""
    error = refusal({name: value})
    assert error.setting == name
    assert str(error).startswith(f"{name}: ")
    assert error.sentence.endswith(".")


@pytest.mark.parametrize("name", ["MADANG_SECRET", "MADANG_API_KEY", "MADANG_JWT_SECRET"])
def test_a_short_secret_is_refused_and_not_shown(name: str) -> None:
    """Secrets below 32 bytes are refused, and no sentence repeats them."""
    error = refusal({name: "hunter2-hunter2"})
    assert error.setting == name
    assert "32 bytes" in error.sentence
    assert "hunter2" not in str(error)


def test_several_nodes_take_one_database_and_one_secret() -> None:
    """Nodes on files of their own would be several chats, and nodes that sign differently refuse each other's people."""
    redis = {"MADANG_REDIS_URL": "rediss://:hush@cache:6380/2"}
    database = {"MADANG_DATABASE_URL": "postgresql://localhost/chat"}
    for missing, named in ((redis, "MADANG_DATABASE_URL"), (redis | database, "MADANG_SECRET")):
        error = refusal(missing)
        assert error.setting == "MADANG_REDIS_URL"
        assert named in error.sentence
        assert "hush" not in str(error)
    settings = load_settings({}, redis | database | {"MADANG_SECRET": LONG})
    assert settings.redis_url == redis["MADANG_REDIS_URL"]
    assert "hush" not in repr(settings)


def test_a_queue_takes_redis_and_postgresql() -> None:
    """Both are named in the sentences; a server with files only has nothing to put a queue in."""
    queue = {"MADANG_PERSISTENCE": "queue"}
    error = refusal(queue)
    assert error.setting == "MADANG_PERSISTENCE"
    assert "MADANG_REDIS_URL" in error.sentence
    assert "PostgreSQL" in error.sentence
    redis = queue | {"MADANG_REDIS_URL": "redis://cache"}
    assert "MADANG_DATABASE_URL" in refusal(redis).sentence
    whole = redis | {"MADANG_DATABASE_URL": "postgresql://localhost/chat", "MADANG_SECRET": LONG}
    settings = load_settings({"embedded_worker": "0", "worker_port": "0"}, whole)
    assert (settings.persistence, settings.embedded_worker, settings.worker_port) == ("queue", False, 0)


def test_workers_take_what_nodes_take() -> None:
    """One process is all that SQLite serves, and processes that do not hear of each other would be several chats."""
    nodes = {
        "MADANG_REDIS_URL": "redis://cache",
        "MADANG_DATABASE_URL": "postgresql://localhost/chat",
        "MADANG_SECRET": LONG,
    }
    for given in ({}, {"MADANG_DATABASE_URL": nodes["MADANG_DATABASE_URL"]}):
        error = refusal(given | {"MADANG_WORKERS": "2"})
        assert error.setting == "MADANG_WORKERS"
        assert "MADANG_REDIS_URL" in error.sentence
    assert load_settings({"workers": "2"}, nodes).workers == 2


def test_an_address_for_other_nodes_is_host_and_port() -> None:
    """And takes other nodes."""
    nodes = {
        "MADANG_REDIS_URL": "redis://cache",
        "MADANG_DATABASE_URL": "postgresql://localhost/chat",
        "MADANG_SECRET": LONG,
    }
    for address in ("10.0.0.1:8420", "[fd00::1]:8420", "chat-1.internal:80"):
        assert load_settings({}, nodes | {"MADANG_ADVERTISE": address}).advertise == address
        assert refusal({"MADANG_ADVERTISE": address}).setting == "MADANG_ADVERTISE"
    for wrong in ("10.0.0.1", ":8420", "a:0", "a:99999", "fd00::1:80", "http://a:80"):
        assert refusal(nodes | {"MADANG_ADVERTISE": wrong}).setting == "MADANG_ADVERTISE"


def test_one_secret_for_two_ends_is_refused() -> None:
    """The host application must not be able to sign Madang's own tokens."""
    host = {"MADANG_JWT_SECRET": LONG, "MADANG_JWT_ISSUER": "https://host.example", "MADANG_JWT_AUDIENCE": "madang"}
    assert refusal(host | {"MADANG_SECRET": LONG}).setting == "MADANG_JWT_SECRET"


def test_a_secret_is_enough_for_a_host_application() -> None:
    """Its tokens are believed by the secret alone; issuer and audience narrow that, and mean nothing without it."""
    assert load_settings({}, {"MADANG_JWT_SECRET": LONG}).jwt_secret == LONG
    for name in ("MADANG_JWT_ISSUER", "MADANG_JWT_AUDIENCE"):
        assert refusal({name: "https://host.example"}).setting == name


def test_a_host_application_cannot_call_itself_madang() -> None:
    """Its tokens would pass for Madang's own."""
    host = {"MADANG_JWT_SECRET": LONG, "MADANG_JWT_ISSUER": "madang", "MADANG_JWT_AUDIENCE": "madang"}
    assert refusal(host).setting == "MADANG_JWT_ISSUER"


def test_claims_map_only_what_is_used() -> None:
    """A claim Madang does not read is a typing error."""
    assert refusal({"MADANG_JWT_SECRET": LONG, "MADANG_JWT_CLAIMS": "email=mail"}).setting == "MADANG_JWT_CLAIMS"


def test_a_typing_error_in_a_name_is_refused_with_the_nearest() -> None:
    """An unknown variable does not pass for a default."""
    assert "MADANG_REGISTRATION" in refusal({"MADANG_REGISTRATON": "closed"}).sentence


def test_variables_of_the_tests_are_no_settings() -> None:
    """The suite's own variables do not stop the server it starts."""
    load_settings({}, {"MADANG_TEST_CHROMIUM": "/usr/bin/chromium", "MADANG_SKIP_WEB_BUILD": "1"})


def test_a_wrong_flag_is_named_as_a_flag() -> None:
    """Somebody who typed --port reads of --port."""
    assert refusal({}, {"port": "many"}).setting == "--port"


def test_an_unknown_key_of_the_file_is_refused(tmp_path: Path) -> None:
    """The file is held to the same list."""
    file = tmp_path / "madang.toml"
    file.write_text("prot = 1\n")
    error = refusal({"MADANG_CONFIG": str(file)})
    assert "prot" in error.setting
    assert "port" in error.sentence


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("", ""),
        ("https://chat.example", ""),
        ("https://chat.example/", ""),
        ("https://example.org/chat", "/chat"),
        ("http://example.org:8080/a/b/", "/a/b"),
    ],
)
def test_the_prefix_is_the_path_of_the_public_url(url: str, prefix: str) -> None:
    """No closing slash, empty at the root."""
    assert load_settings({}, {"MADANG_PUBLIC_URL": url}).prefix == prefix


def test_no_repr_shows_a_secret() -> None:
    """Printing the settings in a log or a traceback gives nothing away."""
    everything: dict[str, Any] = {name: LONG for name, accepts in accepted().items() if accepts.secret}
    assert len(everything) == 5
    settings = Settings(**everything)
    assert LONG not in repr(settings)
    assert LONG not in f"{settings}"


def test_the_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    """The second start signs with what the first one made."""
    settings = Settings(data=tmp_path / "new" / "data")
    first = signing_secret(settings)
    assert len(first) >= 32
    assert signing_secret(settings) == first
    kept = tmp_path / "new" / "data" / "secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["secret"]


def test_a_secret_that_is_set_leaves_no_file(tmp_path: Path) -> None:
    """Who sets MADANG_SECRET keeps it elsewhere."""
    assert signing_secret(Settings(data=tmp_path / "data", secret=LONG)) == LONG
    assert not (tmp_path / "data").exists()


def test_a_cut_secret_is_refused(tmp_path: Path) -> None:
    """A damaged file is not silently replaced: that would sign everybody out."""
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(SettingsError, match="32 bytes"):
        signing_secret(Settings(data=tmp_path))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The sentence says which folder; a file in its place stops even root."""
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingsError) as caught:
        signing_secret(Settings(data=tmp_path / "data"))
    assert caught.value.setting == "MADANG_DATA"
    assert str(tmp_path / "data") in caught.value.sentence
