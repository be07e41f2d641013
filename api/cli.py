"""The command ``twin``: every command's words; the work lies in ``cli_*``.

A refusal is printed in the language of LANG and ends with exit code 2. Each command imports what it
needs when it runs: publishing a message does not wait for the libraries of an IFC import.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.settings import Settings, load
from api.tokens import Role
from identity.errors import CityError

EXIT_REFUSED = 2
MQTT_DEFAULT_HOST = "127.0.0.1"

app = typer.Typer(
    name="twin",
    help="Wanwu Twin 万物孪生: one code, the city model and live state behind one door.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="where everything is kept")]
Host = Annotated[str | None, typer.Option(help="address to listen on")]
Port = Annotated[int | None, typer.Option(help="HTTP port; a taken one is refused")]
MqttPort = Annotated[int | None, typer.Option(help="MQTT port; a taken one is refused")]
Proxied = Annotated[bool | None, typer.Option("--behind-proxy", help="a proxy ends TLS")]
Url = Annotated[str | None, typer.Option(help="a running server, e.g. http://127.0.0.1:8000")]
Token = Annotated[str | None, typer.Option(help="bearer token for --url")]


def main() -> None:
    """Run the command line; the entry point of ``twin``."""
    try:
        app()
    except CityError as refused:
        message, hint = refused.text(language())
        Console(stderr=True).print(
            f"[bold red]{refused.code}[/] {message}\n{hint}", highlight=False
        )
        sys.exit(EXIT_REFUSED)


def language() -> str:
    """Return "zh" where the terminal speaks Chinese, else "en"."""
    said = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")
    return "zh" if said.lower().startswith("zh") else "en"


@app.command()
def up(
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    mqtt_port: MqttPort = None,
    behind_proxy: Proxied = None,
) -> None:
    """Start everything: page, API, imports, and the MQTT endpoint with its applier."""
    from api import cli_demo, running

    settings = _settings(data_dir, host, port, mqtt_port, behind_proxy)
    plan = running.Plan(
        worker=True,
        listener="main",
        strict_port=_given(port, "TWIN_BIND"),
        strict_mqtt_port=_given(mqtt_port, "TWIN_MQTT_BIND"),
        extras=(cli_demo.announce,),
    )
    running.run(settings, plan)


@app.command()
def demo(
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    mqtt_port: MqttPort = None,
) -> None:
    """Start a demo district near 光谷广场 with 200 simulated sensors over real MQTT."""
    from api import cli_demo, running

    settings = _settings(data_dir or _demo_dir(), host, port, mqtt_port, None)
    cli_demo.refuse_logins(settings)
    plan = running.Plan(
        worker=True,
        listener="main",
        strict_port=_given(port, "TWIN_BIND"),
        strict_mqtt_port=_given(mqtt_port, "TWIN_MQTT_BIND"),
        demo=True,
        extras=(cli_demo.run_demo,),
    )
    running.run(settings, plan)


@app.command()
def serve(
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    behind_proxy: Proxied = None,
) -> None:
    """Serve page and API, and run imports; messages are taken by `twin listen`."""
    from api import cli_demo, running

    settings = _settings(data_dir, host, port, None, behind_proxy)
    strict = _given(port, "TWIN_BIND")
    extras = (cli_demo.announce,)
    running.run(settings, running.Plan(worker=True, strict_port=strict, extras=extras))


@app.command()
def listen(
    data_dir: DataDir = None,
    mqtt_port: MqttPort = None,
    name: Annotated[str, typer.Option(help="this listener's journal")] = "main",
) -> None:
    """Take messages from the broker: journal, acknowledge, apply."""
    from api import running

    settings = _settings(data_dir, None, None, mqtt_port, None)
    strict = _given(mqtt_port, "TWIN_MQTT_BIND")
    running.run(settings, running.Plan(http=False, listener=name, strict_mqtt_port=strict))


@app.command()
def work(data_dir: DataDir = None) -> None:
    """Run queued jobs only."""
    from api import running

    running.run(_settings(data_dir, None, None, None, None), running.Plan(http=False, worker=True))


@app.command()
def ingest(
    files: Annotated[list[Path], typer.Argument(help=".ifc or .ifczip")],
    project: Annotated[str | None, typer.Option(help="name or code of the project")] = None,
    data_dir: DataDir = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Import files and print what came of each; 1 when one failed but was not refused."""
    from api import cli_ingest

    settings = _settings(data_dir, None, None, None, None)
    wanted = cli_ingest.Wanted(files, project, url, token or os.environ.get("TOKEN", ""))
    raise typer.Exit(asyncio.run(cli_ingest.ingest_files(settings, wanted, language())))


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help=".ifc or .ifczip")]) -> None:
    """Check files as the door does, without importing; 1 when one is refused."""
    from api import cli_ingest

    settings = _settings(None, None, None, None, None)
    raise typer.Exit(asyncio.run(cli_ingest.check_files(settings, files, language())))


@app.command()
def code(
    *,
    text: Annotated[str | None, typer.Argument(help="code, GUID, device, cell, address")] = None,
    file: Annotated[Path | None, typer.Option(help="resolve every line of it")] = None,
    qr: Annotated[Path | None, typer.Option(help="draw its QR there: .svg or .png")] = None,
    data_dir: DataDir = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Resolve a text, or every line of a file (one line of JSON for each)."""
    from api import cli_lookup

    settings = _settings(data_dir, None, None, None, None)
    if file is not None:
        asyncio.run(cli_lookup.resolve_file(settings, file, url, token or "", language()))
    elif text is not None:
        asyncio.run(cli_lookup.resolve(settings, text, qr, url, token or ""))
    else:
        raise typer.BadParameter("TEXT or --file")


@app.command("import")
def import_(
    *,
    file: Annotated[Path, typer.Argument(help=".csv or .ndjson: code, value, scheme, …")],
    check: Annotated[bool, typer.Option("--check", help="say what would happen only")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="all rows or none")] = False,
    why: Annotated[str, typer.Option(help="the reason, kept with the change")] = "",
    data_dir: DataDir = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Link a list of foreign codes and print each refused row; 1 when there is one."""
    from api import cli_codes

    settings = _settings(data_dir, None, None, None, None)
    said = token or os.environ.get("TOKEN", "")
    wanted = cli_codes.List(file, why, check, strict, url, said)
    raise typer.Exit(asyncio.run(cli_codes.import_list(settings, wanted, language())))


@app.command()
def token(
    name: str,
    role: Annotated[str, typer.Option(help=", ".join(r.name.lower() for r in Role))],
    file: Annotated[Path | None, typer.Option(help="else TWIN_TOKENS_FILE")] = None,
) -> None:
    """Make a bearer token; it is shown once, the file keeps only its hash."""
    from api import cli_lookup

    cli_lookup.make_token(file or load().tokens_file, name, role)


@app.command()
def login(
    name: Annotated[str, typer.Argument(help="user name, e.g. the device's")],
    publish: Annotated[
        list[str] | None, typer.Option(help="topic filter; else city/+/NAME/#")
    ] = None,
    subscribe: Annotated[
        list[str] | None, typer.Option(help="topic filter; else twin/events/#")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="else TWIN_MQTT_USERS_FILE")] = None,
) -> None:
    """Make a device's login at the MQTT endpoint; its password is shown once."""
    from api import cli_lookup

    cli_lookup.make_login(file or load().mqtt_users_file, name, publish or (), subscribe or ())


@app.command()
def publish(
    topic: Annotated[str, typer.Argument(help="city/TENANT/DEVICE/PROPERTY")],
    payload: Annotated[str, typer.Argument(help='e.g. 21.5 or {"v":21.5,"u":"Cel"}')],
    mqtt: Annotated[str, typer.Option(help="host:port")] = "127.0.0.1:1883",
) -> None:
    """Publish one message over MQTT with QoS 1 and wait for its acknowledgement."""
    from api import cli_lookup

    asyncio.run(cli_lookup.publish(mqtt, topic, payload))


def _settings(
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    mqtt_port: int | None,
    behind_proxy: bool | None,  # noqa: FBT001 - an option of the command line
) -> Settings:
    """Return the settings of the environment, with what the command line says on top."""
    said = load(data_dir=data_dir, behind_proxy=behind_proxy)
    known_host, _, known_port = said.bind.rpartition(":")
    bind = f"{host or known_host}:{known_port if port is None else port}"
    mqtt_host, _, mqtt_known = said.mqtt_bind.rpartition(":")
    mqtt_bind = f"{mqtt_host}:{mqtt_known if mqtt_port is None else mqtt_port}"
    return load(data_dir=data_dir, behind_proxy=behind_proxy, bind=bind, mqtt_bind=mqtt_bind)


def _given(port: int | None, name: str) -> bool:
    return port is not None or name in os.environ


def _demo_dir() -> Path:
    return load().data_dir / "demo"


if __name__ == "__main__":
    main()
