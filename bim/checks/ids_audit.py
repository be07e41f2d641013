"""What makes an IDS invalid beyond its XSD: no file can meet it, or no schema knows a name.

Invalid files "could not be satisfied, regardless of IFC contents" (IDS 1.0, Documentation,
testcases/scripts.md). Attributes are looked up in the classes that the applicability names.
"""

from typing import Any

from ifctester.facet import Attribute, Entity, PartOf, Property, Restriction

from bim.checks import ids_types, ids_values
from identity.errors import Invalid


def audit(rule: Any) -> None:
    """Refuse a specification that no file can meet, or that names what no schema has.

    Raises Invalid("ids_invalid").
    """
    if rule.maxOccurs == 0 and rule.requirements:
        raise _invalid(rule, "prohibited, with requirements")
    for facet in (*rule.applicability, *rule.requirements):
        _patterns(facet)
        if isinstance(facet, Entity | PartOf):
            _class_names(rule, facet.name)
        elif isinstance(facet, Property) and facet.dataType:
            _known(rule, facet, facet.dataType)
        elif isinstance(facet, Attribute):
            _known(rule, facet, ids_values.word(facet.name))
    for facet in rule.requirements:
        if isinstance(facet, Entity):
            _same_class(rule, facet)
        if isinstance(facet, Entity | PartOf) and facet.predefinedType:
            _predefined(rule, facet)


def kinds(rule: Any, facet: Any) -> set[str] | None:
    """Return what the value of a facet may be by the schemas; None where that is not known."""
    if isinstance(facet, Property) and facet.dataType:
        found = [ids_types.declared(schema, facet.dataType) for schema in rule.ifcVersion]
        return {ids_types.base(one) for one in found if one is not None}
    if not isinstance(facet, Attribute):
        return None
    subject = _subject(rule)
    if subject is None:
        return None
    named = [(s, name) for s in rule.ifcVersion for name in _classes(s, subject.name)]
    if any(name in ids_types.by_type(schema) for schema, name in named):
        return None
    return {
        kind
        for schema, name in named
        for attribute, kind in ids_types.attributes(schema, name)
        if _matches(facet.name, attribute)
    }


def _known(rule: Any, facet: Any, name: str) -> None:
    """Refuse a value that none of its types can have (DataTypes, "XML base types")."""
    known = kinds(rule, facet)
    if known is None:
        return
    if not any(_can_be(kind, facet.value) for kind in known):
        value = f" = {ids_values.word(facet.value)}" if facet.value else ""
        raise _invalid(rule, f"{name}{value}: {', '.join(sorted(known)) or '?'}")


def _can_be(kind: str, value: Any) -> bool:
    if not value:
        return True
    if kind == "object":
        return False
    if isinstance(value, Restriction):
        if "pattern" in value.options and kind in ids_types.WRITTEN:
            return False
        plain = ids_values.texts(value.options.get("enumeration", []))
        return all(ids_types.written(kind, text) for text in plain)
    return ids_types.written(kind, str(value))


def _class_names(rule: Any, name: Any) -> None:
    """Ask for "a valid IFC class from the IFC schema, in UPPERCASE" (entity facet, Name)."""
    plain = name.options.get("enumeration") if isinstance(name, Restriction) else name
    for each in [name] if plain is None else ids_values.texts(plain):
        if not any(_classes(schema, each) for schema in rule.ifcVersion):
            raise _invalid(rule, ids_values.word(each))


def _same_class(rule: Any, facet: Any) -> None:
    """Refuse to require a class of what is of another.

    "The same as the 'applicability' node, or a wildcard" (ids.xsd, requirements/entity). What
    IFC2X3 knows by its type may be of two classes.
    """
    subject = _subject(rule)
    if subject is None:
        return
    for schema in rule.ifcVersion:
        asked, given = _classes(schema, facet.name), _classes(schema, subject.name)
        derived = (asked | given) & ids_types.by_type(schema)
        if given and not derived and not asked & given:
            name = ids_values.word(facet.name)
            raise _invalid(rule, f"{ids_values.word(subject.name)} ≠ {name} ({schema})")


def _predefined(rule: Any, facet: Any) -> None:
    """Refuse a predefined type of classes that, with their types, have none in a schema named."""
    for schema in rule.ifcVersion:
        names = _classes(schema, facet.name)
        if names and not any(ids_types.predefined(schema, name) for name in names):
            raise _invalid(rule, f"{ids_values.said(facet)}: PredefinedType ({schema})")


def _subject(rule: Any) -> Any:
    """Return the one entity facet of the applicability, if it has one."""
    return next((each for each in rule.applicability if isinstance(each, Entity)), None)


def _classes(schema: str, name: Any) -> set[str]:
    known = ids_types.classes(schema)
    return {name} & known if isinstance(name, str) else {c for c in known if _matches(name, c)}


def _matches(wanted: Any, text: str) -> bool:
    return bool(wanted == text)


def _patterns(facet: Any) -> None:
    for name in facet.parameters:
        value = getattr(facet, name.replace("@", ""))
        if isinstance(value, Restriction):
            for pattern in ids_values.texts(value.options.get("pattern", [])):
                ids_values.matcher(pattern)


def _invalid(rule: Any, reason: str) -> Invalid:
    return Invalid("ids_invalid", reason=f"{rule.name}: {reason}"[:300])
