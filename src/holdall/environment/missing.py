"""Say what an environment holds where something is missing: names of other tools, a set with a prefix, an address, a `.env`.

Where nothing is missing, only what says that the bucket is at another provider is spoken of. Nothing is taken over: a
variable that was set for another purpose must not move the files. `holdall.environment.proposal` writes down what is meant.
"""

from __future__ import annotations

from holdall.environment import dsn, foreign, whereabouts
from holdall.environment.entries import Entries
from holdall.environment.foreign import Candidate
from holdall.environment.habits import listed
from holdall.environment.lookalikes import CORE, KEYS, addresses, candidates, meant_names, prefixed_sets
from holdall.environment.store import Store
from holdall.environment.unread import AMBIENT_ENDPOINTS, has_role, same_as
from holdall.environment.values import Said
from holdall.environment.variables import BY_NAME
from holdall.providers import AMAZON, B2, DELIVERY_HOST, R2, SPACES, recognise

_REGIONS = ("AWS_S3_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")


def speak_of_what_is_there(entries: Entries, store: Store | None) -> None:
    """Say what other tools' variables probably mean, where something is missing or the provider is in doubt."""
    mode = entries.get("STORAGES_MODE", "s3")
    if mode == "local":
        return
    _options(entries)
    bucket = any(map(entries.is_set, same_as("STORAGE_BUCKET_NAME")))
    told = {
        getattr(said, "variable", "").removeprefix(entries.prefix) for said in (*entries.problems, *entries.warnings)
    }
    found = [one for one in candidates(entries) if one.name not in told and one.meaning.variable]
    if not bucket or store is None:
        _of_a_beginning(entries, found)
        return
    if mode == "s3" and store.provider is AMAZON and not entries.is_set(whereabouts.ENDPOINT):
        if _domain_is_elsewhere(entries):
            return
        found = (
            [one for one in found if not _doubts(entries, store, one)] if not _elsewhere(entries, store, found) else []
        )
    if _region_is_odd(entries) and mode == "s3":
        for name in AMBIENT_ENDPOINTS:
            _ambient_is_needed(entries, name)
    address = _address(entries, found)
    for one in found:
        if needed := _need(entries, store, one.variable):
            _say(entries, one, address, is_needed=needed == "needed")


def _options(entries: Entries) -> None:
    """Name the options that settings of django-storages are, which no environment sets."""
    for name, option in foreign.OPTIONS.items():
        if entries.environ.get(entries.prefix + name, "").strip():
            entries.warning(
                name,
                f"is not read from the environment; it is the option `{option}`: "
                f'`holdall.from_env(storages={{"default": {{"OPTIONS": {{"{option}": …}}}}}})`.',
                "D184",
            )


def _of_a_beginning(entries: Entries, found: list[Candidate]) -> None:
    """Nothing is set up yet: speak of all that is there."""
    for group in prefixed_sets(entries) if not entries.prefix else ():
        found = [other for other in found if not other.name.startswith(group.prefix)]
        shows = "" if group.bucket else f", and `holdall env --prefix {group.prefix}` shows them"
        text = f"begins with `{group.prefix}`, and so {_count(len(group.names) - 1)}; `{group.call}` reads them{shows}."
        entries.problem(group.names[0], text, "D185")
    if found:
        # Somebody has begun, with other names.
        entries.problems = [_without_a_hint(said) for said in entries.problems]
    for name, said in addresses(entries):
        found = [other for other in found if other.name != name]
        lines = [f"{entries.prefix}{one}={_shown(one, text)}" for one, text in said.items()]
        entries.problem(
            name, f"is a whole store in one address, which Holdall does not read; write {listed(lines)}.", "D186"
        )
    if any(said.finding in {"D185", "D186"} for said in entries.problems if isinstance(said, Said)):
        _bucket_is_explained(entries)
    address = _address(entries, found)
    for one in found:
        if one.variable not in KEYS or not has_role(entries) or one.meaning.elsewhere:
            _say(entries, one, address, is_needed=one.variable in CORE and one.meaning.rank > -2)
    for name in AMBIENT_ENDPOINTS:
        _ambient_is_needed(entries, name)
    _place_is_missing(entries, found)
    _dotenv(entries)


def _place_is_missing(entries: Entries, found: list[Candidate]) -> None:
    """Say where the bucket is by all its names, before they are renamed: afterwards it would be looked for at Amazon."""
    core = [one for one in found if one.variable in CORE and one.meaning.rank > -2]
    is_decided = any(map(entries.is_set, ("STORAGES_MODE", whereabouts.ENDPOINT)))
    if is_decided or not core or (not entries.prefix and any(entries.environ.get(one) for one in AMBIENT_ENDPOINTS)):
        return
    addresses = whereabouts.held(found)
    spaces = [one for one in core if foreign.SPACES & set(foreign.words(one.name))]
    spaces += [
        one for one in core if one.value in addresses and recognise(one.value)[0] is SPACES and one not in spaces
    ]
    if spaces:
        region = _region(entries, core) or next((recognise(one)[1] for one in addresses if one), None)
        then = f"`{entries.prefix}DO_REGION={region}`" if region else f"`{entries.prefix}DO_REGION` to its region"
        entries.problem(
            "STORAGES_MODE",
            f"is missing: {_speakers(entries, spaces, 'a Space of DigitalOcean')}, and without it the bucket would be "
            f"looked for at Amazon S3. Set `{entries.prefix}STORAGES_MODE=do`, and {then}.",
            "D183",
        )
    elif not addresses and not whereabouts.of_account(found):
        place = _place(entries, core)
        if place or any(one.meaning.elsewhere for one in core):
            of_it = [one for one in core if whereabouts.spoken_of([one.name], {}, "")] or core
            entries.problem(
                whereabouts.ENDPOINT,
                f"is missing: {_speakers(entries, of_it, place.title if place else '')}, and without it the bucket would "
                f"be looked for at Amazon S3. Set {_endpoint_at(entries, place)}.",
                "D183",
            )


def _place(entries: Entries, found: list[Candidate]) -> whereabouts.Place | None:
    """Give the place that names speak of; that of the bucket counts before that of keys."""
    named = sorted(found, key=lambda one: one.variable != "STORAGE_BUCKET_NAME")
    return whereabouts.spoken_of([one.name for one in named], entries.environ, _region(entries, found))


def _region(entries: Entries, found: list[Candidate]) -> str:
    """Give the one region that is named, "" if there are several or none."""
    own = entries.get("AWS_S3_REGION_NAME")
    named = {one.value for one in found if one.variable in {"AWS_S3_REGION_NAME", "DO_REGION"}}
    return own or (named.pop() if len(named) == 1 else "")


def _speakers(entries: Entries, found: list[Candidate], title: str) -> str:
    names = [f"{entries.prefix}{one.name}" for one in found]
    return f"{listed(names)} {'speaks' if len(names) == 1 else 'speak'} of {title or 'another provider'}"


def _endpoint_at(entries: Entries, place: whereabouts.Place | None) -> str:
    name = f"{entries.prefix}{whereabouts.ENDPOINT}"
    if place and place.is_whole:
        return f"`{name}={place.address}`"
    if place and place.title:
        return f"`{name}` to its endpoint, {place.address}"
    such = f", such as {place.address}" if place else ""
    return f"`{name}` to the address of its S3 API{such}"


def _address(entries: Entries, found: list[Candidate]) -> str:
    """Give the whole address where names hold one that no variable has as it is meant; "" if none does."""
    addresses = list(whereabouts.held(found) or whereabouts.of_account(found))
    if len(addresses) != 1 or "@" in addresses[0]:
        return ""
    buckets = {one.value for one in found if one.variable == "STORAGE_BUCKET_NAME"}
    bucket = entries.get("STORAGE_BUCKET_NAME") or (buckets.pop() if len(buckets) == 1 else "")
    return dsn.address(addresses[0], bucket, "").get(whereabouts.ENDPOINT, "")


def _without_a_hint(said: str) -> str:
    """Take "For development, …" from the sentence about the bucket."""
    if getattr(said, "finding", "") != "D131":
        return said
    return Said(said.partition(" For development")[0], "D131", getattr(said, "variable", ""))


def _bucket_is_explained(entries: Entries) -> None:
    """Take back that the bucket is missing, where a better sentence says so."""
    entries.problems = [said for said in entries.problems if getattr(said, "finding", "") != "D131"]


def _count(number: int) -> str:
    return "does 1 other" if number == 1 else f"do {number} others"


def _shown(name: str, value: str) -> str:
    if not BY_NAME[name].secret:
        return value
    return f"({len(value)} characters of it)"


def _say(entries: Entries, one: Candidate, address: str = "", *, is_needed: bool) -> None:
    meant = f"{entries.prefix}{one.meaning.variable}"
    note = f" ({one.meaning.note})" if one.meaning.note else ""
    if one.variable == whereabouts.ENDPOINT and address and address != one.value:
        # Renamed as it is, it would be another address, or none.
        meant, note = f"{meant}={address}", note if one.meaning.note == foreign.PART else ""
    if is_needed:
        entries.problem(one.name, f"is not read by Holdall; did you mean `{meant}`{note}?", "D125")
    else:
        text = f"is not read by Holdall; set `{meant}`{note} if it is meant for the storage."
        entries.warning(one.name, text, "D148")


def _need(entries: Entries, store: Store, variable: str) -> str:
    """Say whether a variable is "needed", only "wanted", or neither, in a store that has its bucket."""
    if variable == "AWS_S3_CUSTOM_DOMAIN":
        return "needed" if store.public else ""
    if variable in KEYS:
        half = any(map(entries.is_set, KEYS[:2]))
        if store.mode == "do" or half:
            return "needed" if variable != "AWS_SESSION_TOKEN" else ""
        return "" if has_role(entries) and store.provider is AMAZON else "wanted"
    if variable == "DO_REGION":
        return "wanted" if store.mode == "do" else ""
    if variable == "AWS_S3_ENDPOINT_URL" and store.mode == "s3":
        return "needed" if _region_is_odd(entries) else "wanted"
    return ""


def _region_is_odd(entries: Entries) -> bool:
    """Whether the region that is set is one of another provider, so that the endpoint is what is missing."""
    return any(getattr(said, "variable", "").removeprefix(entries.prefix) in _REGIONS for said in entries.problems)


def _doubts(entries: Entries, store: Store, one: Candidate) -> bool:
    """Whether a name is a part of an address alone, which says nothing where the address is Amazon's."""
    return one.meaning.rank < 0 and one.variable == "AWS_S3_ENDPOINT_URL"


def _elsewhere(entries: Entries, store: Store, found: list[Candidate]) -> bool:
    """Refuse a bucket that is looked for at Amazon because its endpoint is missing, where all else is another provider's."""
    if _region_is_odd(entries):
        return False
    others = [one for one in found if one.meaning.elsewhere and one.variable in {*CORE, "AWS_S3_CUSTOM_DOMAIN"}]
    of_r2 = [one for one in meant_names(entries) if "R2" in foreign.words(one.name)]
    others += [one for one in of_r2 if one not in others]
    without_keys = store.keys is None and not has_role(entries)
    if not of_r2 and not (without_keys and any(one.variable in {*KEYS, "AWS_S3_ENDPOINT_URL"} for one in others)):
        return False
    place = _place(entries, others)
    is_spaces = any({"SPACES", "SPACE"} & set(foreign.words(one.name)) for one in others)
    how = f"`{entries.prefix}STORAGES_MODE=do`" if is_spaces else _endpoint_at(entries, place)
    if (address := _address(entries, found)) and not is_spaces:
        how = f"`{entries.prefix}{whereabouts.ENDPOINT}={address}`"
    entries.problem(
        whereabouts.ENDPOINT,
        f"is missing: {_speakers(entries, others, place.title if place else '')}, and without it the bucket would be "
        f"looked for at Amazon S3. Set {how}; if the bucket is at Amazon, write its endpoint, "
        "https://s3.REGION.amazonaws.com.",
        "D183",
    )
    for one in found:
        if one.variable in CORE:
            _say(entries, one, is_needed=False)
    return True


def _domain_is_elsewhere(entries: Entries) -> bool:
    """Refuse a bucket at Amazon whose links would lead to another provider's, which serves no bucket but its own."""
    domain = entries.get("AWS_S3_CUSTOM_DOMAIN")
    if not domain:
        return False
    host = domain.host.replace(".cdn.digitaloceanspaces.", ".digitaloceanspaces.")
    bucket = dsn.bucket_before(host)
    provider, region = recognise(f"https://{host.removeprefix(f'{bucket}.')}")
    if host.endswith(".r2.dev") or DELIVERY_HOST.search(host):
        provider = R2 if host.endswith(".r2.dev") else B2 if host.endswith(".backblazeb2.com") else provider
    if not provider.is_hosted or provider is AMAZON:
        return False
    how = _endpoint_at(entries, whereabouts.at(provider, entries.environ, region or ""))
    if provider is SPACES:
        how = f"`{entries.prefix}STORAGES_MODE=do` and `{entries.prefix}DO_REGION={region}`"
    entries.problem(
        whereabouts.ENDPOINT,
        f"is missing: the domain {domain} is one of {provider.title}, and without the endpoint files would be saved at Amazon "
        f"S3. Set {how}.",
        "D183",
    )
    return True


def _ambient_is_needed(entries: Entries, name: str) -> None:
    """Turn the remark on the SDK's own variable into the question whether it was meant for the files."""
    mark = entries.mark(name)
    if not any(said.startswith(mark) for said in entries.warnings):
        return
    entries.warnings = [said for said in entries.warnings if not said.startswith(mark)]
    if not any(f"`{name}`" in said for said in entries.problems):
        text = f"is not read by Holdall; did you mean `{entries.prefix}AWS_S3_ENDPOINT_URL`?"
        entries.problem(name, text, "D125")


def _dotenv(entries: Entries) -> None:
    """Say of a `.env` near the project that nothing has read it."""
    from holdall.environment import dotenv

    found = dotenv.unread(entries.environ)
    if found is None:
        return
    _bucket_is_explained(entries)
    where, names = found
    ours = [name for name in names if name.removeprefix(entries.prefix) in BY_NAME][:3]
    holds = f" holds {listed(ours)}, and" if ours else ""
    entries.problem(
        "STORAGE_BUCKET_NAME",
        f"is missing, and the .env {where}{holds} is not read by Holdall: load it in settings.py before `from_env`.",
        "D187",
    )
