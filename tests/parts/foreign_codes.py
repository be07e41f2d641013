"""Right foreign codes of every scheme with a fixed form, drawn from a seeded generator."""

from identity import checks, code
from identity.schemes import gs1, organisations, parcels

COUNTIES = ("420106", "420111", "370105", "110108", "440305")


def digits(draw, count, first=0):
    """``count`` digits, as a number never below ``first``."""
    return f"{draw.randint(first, 10**count - 1):0{count}d}"


def uic(draw):
    return code.format_code(draw.choice(COUNTIES) + "990101", draw.randint(1, code.SERIAL_MAX))


def part(draw):
    prefix = code.part_prefix(uic(draw), draw.choice("SRE"))
    return code.format_part(prefix, draw.randint(1, code.PART_SERIAL_MAX))


def uscc(draw):
    organisation = "".join(draw.choice(organisations.ALPHABET) for _ in range(8))
    organisation += organisations.org_check(organisation)
    body = draw.choice("159") + draw.choice("123") + draw.choice(COUNTIES) + organisation
    return body + organisations.check(body)


def jgj246(draw):
    month = f"{draw.randint(1950, 2024)}{draw.randint(1, 12):02d}"
    body = draw.choice(COUNTIES) + digits(draw, 3) + month + digits(draw, 6, 1)
    body += digits(draw, 4, 1)
    return body + checks.check(checks.MOD_11_10, body)


def bdcdy28(draw):
    place = draw.choice(COUNTIES) + digits(draw, 6)
    place += draw.choice(parcels.OWNERSHIP) + draw.choice(parcels.BRIDGED_TYPES) + digits(draw, 5)
    fixture = draw.choice(parcels.FIXTURES)
    if fixture == "W":
        return place + "W00000000"
    return place + fixture + f"0{digits(draw, 3, 1)}0{digits(draw, 3, 1)}"


def permit18(draw):
    """Issued in 2001 … 2024; one in eleven would hold an identity number's check: not those."""
    while True:
        day = f"{draw.randint(2001, 2024)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}"
        text = draw.choice(COUNTIES) + day + digits(draw, 2, 1) + f"{draw.randint(1, 19):02d}"
        if not checks.valid(checks.MOD_11_2, text):
            return text


def gtin13(draw):
    body = "69" + digits(draw, 10)
    return body + gs1.check(body)


def stat12(draw):
    return draw.choice(COUNTIES) + f"{draw.randint(1, 399):03d}{draw.randint(1, 399):03d}"


MAKERS = {
    "uic": uic,
    "uscc": uscc,
    "jgj246": jgj246,
    "bdcdy28": bdcdy28,
    "permit18": permit18,
    "gs1dl": gtin13,
    "stat12": stat12,
}
