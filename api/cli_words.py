"""What the command line says after a start: addresses and lines to copy, zh and en. Pure."""

from collections.abc import Sequence

from rich.markup import escape

from sensors.simulate import Device


def announcement(url: str, mqtt: str | None) -> str:
    """Return where page, documents and MQTT answer."""
    rows = [f"  页面 page   {url}/", f"  文档 docs   {url}/docs"]
    if mqtt:
        rows.append(f"  MQTT        {mqtt}   (city/<tenant>/<device>/<property>)")
    return "\n".join(["", "[bold]万物孪生 Wanwu Twin[/]", *rows, ""])


def demo_lines(
    url: str, mqtt: str, tenant: str, things: Sequence[tuple[str, str]], device: Device
) -> str:
    """Return ready lines: resolve, state, post, stream, publish and bind."""
    host, _, port = mqtt.rpartition(":")
    (building, _), (room, _), _ = things
    topic = f"city/{tenant}/{device.device}/{device.property}"
    observation = f'[{{"code":"{room}","property":"temperature","value":21.5,"unit":"Cel"}}]'
    binding = (
        f'{{"device":"my-sensor-1","code":"{room}","property":"humidity","unit":"%",'
        '"name":"我的传感器"}'
    )
    said = '{"v":22.5,"u":"Cel"}'
    codes = [f"  {code}  {name}" for code, name in things]
    lines = [
        *codes,
        "",
        "# 解析编码 resolve a code",
        f"curl -s {url}/codes/{building}",
        "# 查询状态 ask its state",
        f"curl -s {url}/objects/{room}/state",
        "# 写入观测 post an observation",
        f"curl -s -H 'Content-Type: application/json' -d '{observation}' {url}/observations",
        "# 订阅变化 follow the stream",
        f"curl -sN '{url}/stream?codes={room}'",
        "# 发布消息 publish over MQTT (either)",
        f"mosquitto_pub -h {host} -p {port} -q 1 -t '{topic}' -m '{said}'",
        f"twin publish --mqtt {mqtt} '{topic}' '{said}'",
        "# 绑定设备 bind a device",
        f"curl -s -H 'Content-Type: application/json' -d '{binding}' {url}/devices",
        "",
    ]
    return escape("\n".join(lines))
