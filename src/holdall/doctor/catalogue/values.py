"""Findings of the layer `values`: what is wrong with the variables.

`VARIABLE` stands for the variable that a finding is about, and `OTHER` for the second one that it names.
"""

from __future__ import annotations

from functools import partial

from holdall.environment.entries import UNNAMED
from holdall.environment.exposure import FINDING
from holdall.findings import Kind, Level

# The evidence of every finding here.
_Kind = partial(
    Kind,
    evidence="The environment's variables. Nothing is sent. Below, `VARIABLE` and `OTHER` stand for the variables that the "
    "finding names.",
)

USABLE = Kind("D150", Level.OK, "The environment describes a usable store", "All variables were read.")
SOURCES = Kind("D151", Level.OK, "Where the values come from", "`holdall env` prints all of them.")
EMPTY = _Kind(
    "D152",
    Level.NOTICE,
    "A variable is set but empty",
    "Holdall treats it as unset. Other tools use the empty value, and boto3 may look for other keys.",
    "Give it a value, or unset it.",
    ("A7",),
)
PROFILE = _Kind(
    "D153",
    Level.NOTICE,
    "The keys come from a profile on this machine",
    "The environment has no keys, so `AWS_PROFILE` decides which ones are used. Another machine has other profiles.",
    "If that is not what you want, set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.",
    ("A8",),
)
REGION_OF_ANOTHER = _Kind(
    "D154",
    Level.ERROR,
    "The region is another provider's, and no endpoint is set",
    "Without an endpoint, requests go to Amazon, which has no such region.",
    "AWS_S3_ENDPOINT_URL=https://…   # for a Space instead: STORAGES_MODE=do and DO_REGION",
    ("C5", "A3"),
)
REGION_ELSEWHERE = _Kind(
    "D155",
    Level.ERROR,
    "The region of the Space is in another variable",
    "Mode do reads the region from `DO_REGION` alone, so files would go to a Space of that name in another region.",
    "DO_REGION=…   # the region of the Space; unset VARIABLE",
    ("A3", "C5"),
)
PLACEHOLDER = _Kind(
    "D156",
    Level.ERROR,
    "A placeholder was not replaced",
    "The value is one that guides and templates use for a value that is missing. Requests would be refused.",
    "VARIABLE=…   # or unset it",
    ("A4", "A7"),
)
LOCATION_IS_ADDRESS = _Kind(
    "D157",
    Level.ERROR,
    "The location is an address",
    "The location is a folder in the bucket, so every key would begin with the address.",
    "VARIABLE=media   # or unset it",
    ("A3", "E2"),
)
STYLE_IMPOSSIBLE = _Kind(
    "D158",
    Level.ERROR,
    "The addressing style is not possible",
    "Requests would go to a host that does not exist, or whose certificate does not cover it.",
    "Unset `AWS_S3_ADDRESSING_STYLE`: the provider's own style is then used.",
    ("C6",),
)
STYLE_DOUBTFUL = _Kind(
    "D159",
    Level.WARNING,
    "The addressing style may not work",
    "Whether the host exists, or the provider accepts the style, depends on this system or on when the bucket was created.",
    "Unset `VARIABLE`: the provider's own style is then used.",
    ("C6",),
)
ADJUSTED = _Kind(
    "D198",
    Level.WARNING,
    "Something in the environment needs attention",
    "It was corrected, or it has no effect.",
    "Correct the variable as the message says.",
)
UNUSABLE = _Kind(
    UNNAMED,
    Level.ERROR,
    "The environment does not describe a usable store",
    "The storage cannot be created from it.",
    "Correct the variable as the message says.",
)

# -- one value

BLANKS = _Kind(
    "D101",
    Level.WARNING,
    "A value has whitespace around it",
    "Holdall removed it. boto3 and other tools use the value as it is, and sign with a wrong key.",
    "Remove the whitespace from `VARIABLE`. A file made with `echo` ends in a line break; `printf %s` adds none.",
    ("A5",),
)
QUOTES = _Kind(
    "D102",
    Level.WARNING,
    "A value has quotes around it",
    "Holdall removed them. `docker --env-file` keeps quotes, and other tools treat them as part of the value.",
    "Write the value of `VARIABLE` without quotes.",
    ("A5",),
)
NO_BOOLEAN = _Kind(
    "D103",
    Level.ERROR,
    "A boolean is neither true nor false",
    "A wrong guess could publish private files, so Holdall does not guess.",
    "VARIABLE=true   # or false",
    ("A6",),
)
NO_MODE = _Kind(
    "D104",
    Level.ERROR,
    "The mode is unknown",
    "The mode decides where files are kept, so Holdall does not guess.",
    "VARIABLE=s3   # or do, or local",
    ("A3",),
)
NO_DURATION = _Kind(
    "D105",
    Level.ERROR,
    "A duration cannot be read",
    "Without it, nobody has decided how long links work, or requests wait.",
    "VARIABLE=1h   # or seconds, 15m, 7d",
    ("A6",),
)
TOO_LONG = _Kind(
    "D106",
    Level.ERROR,
    "The lifetime of links is longer than S3 allows",
    "S3 refuses links that are signed for more than seven days.",
    "VARIABLE=7d",
    ("F2",),
)
NO_BUCKET_NAME = _Kind(
    "D107",
    Level.ERROR,
    "The bucket's name is not valid",
    "No bucket can have this name.",
    "VARIABLE=…   # only the bucket's name, as the console shows it",
    ("A4", "C1"),
)
NO_REGION = _Kind(
    "D108",
    Level.ERROR,
    "The region is not a region code",
    "The region is part of host names and of every signature.",
    "VARIABLE=…   # a code such as eu-central-1; Spaces: ams3",
    ("C5",),
)
ZONE = _Kind(
    "D109",
    Level.ERROR,
    "The region is an availability zone",
    "Buckets are in regions. Requests that are signed for a zone are refused.",
    "Remove the letter at the end of `VARIABLE`.",
    ("C5",),
)
NO_SCHEME = _Kind(
    "D110",
    Level.WARNING,
    "The endpoint has no scheme",
    "Holdall added https://, or http:// for a private host. Other tools reject an endpoint without a scheme.",
    "Write the scheme at the beginning of `VARIABLE`.",
    ("C2",),
)
NO_ENDPOINT = _Kind(
    "D111",
    Level.ERROR,
    "The endpoint is not an address",
    "Nothing can be reached there.",
    "VARIABLE=https://…   # the address of the S3 API",
    ("C2",),
)
SECRET_IN_ADDRESS = _Kind(
    "D112",
    Level.ERROR,
    "An address contains a user name or password",
    "It would appear in every log. S3 does not use passwords.",
    "Set `VARIABLE` to the address only. The keys have variables of their own.",
)
CDN_AS_ENDPOINT = _Kind(
    "D113",
    Level.ERROR,
    "The endpoint is a CDN's host",
    "A CDN delivers files but is not an S3 API: every upload would be refused.",
    "Set `AWS_S3_CUSTOM_DOMAIN` to this host, and `VARIABLE` to the address of the S3 API.",
    ("C1",),
)
PATH_IN_ENDPOINT = _Kind(
    "D114",
    Level.ERROR,
    "The endpoint has a wrong path",
    "A path is right only where the S3 API itself is below it. This one is probably a bucket or folder that was copied with "
    "the address, and files would end up in a folder of that name.",
    "Write `VARIABLE` as the message says. The bucket belongs in `STORAGE_BUCKET_NAME`, a folder in `STORAGE_LOCATION`.",
    ("C1",),
)
PLAIN_HTTP = _Kind(
    "D115",
    Level.WARNING,
    "The endpoint uses plain HTTP",
    "Files and signatures cross the network unencrypted, and browsers block http links on https pages.",
    "Use https:// in `VARIABLE`.",
    ("C2",),
)
DOMAIN_TIDIED = _Kind(
    "D116",
    Level.WARNING,
    "The CDN domain was tidied",
    "Holdall removed extra slashes, or encoded what links encode. Other tools use the value as it is.",
    "Set `VARIABLE` to what the message shows.",
    ("E1",),
)
NO_DOMAIN = _Kind(
    "D118",
    Level.ERROR,
    "The CDN domain is not valid",
    "Every link begins with it, so every link would be broken.",
    "VARIABLE=media.example.com   # or with a port and a path: localhost:9000/media",
    ("E1",),
)
PLAIN_HTTP_DOMAIN = _Kind(
    "D160",
    Level.WARNING,
    "The CDN domain uses plain HTTP",
    "What visitors fetch can be read and changed on the way, and browsers block http links on https pages.",
    "Remove http:// from `VARIABLE` if the host answers https.",
    ("C2",),
)
NO_LOCATION = _Kind(
    "D119",
    Level.ERROR,
    "The location cannot be a folder in the bucket",
    "Every key begins with the location.",
    "VARIABLE=media   # folder names separated by slashes",
    ("G11",),
)
SLASHES = _Kind(
    "D120",
    Level.WARNING,
    "The location has extra slashes",
    "Holdall removed them. In S3, a key with two slashes is not the same as a key with one.",
    "Remove the slashes from the beginning and end of `VARIABLE`.",
    ("G11",),
)
NO_ENVIRONMENT_NAME = _Kind(
    "D121",
    Level.ERROR,
    "The environment's name cannot be used",
    "The name is written into the owner marker, where people and programs compare it.",
    "VARIABLE=production",
)
NO_KEY = _Kind(
    "D122",
    Level.ERROR,
    "A key contains characters that keys never have",
    "Every signature made with it would be wrong.",
    "Copy `VARIABLE` again, complete and with nothing around it.",
    ("A5",),
)
NO_PRIVATE_KEY = _Kind(
    "D123",
    Level.ERROR,
    "CloudFront's private key cannot be read",
    "Private links for the CDN domain could not be signed.",
    "VARIABLE=\"$(base64 < private_key.pem | tr -d '\\n')\"",
    ("E7",),
)
SECRET_ELSEWHERE = _Kind(
    "D124",
    Level.ERROR,
    "A variable that is not secret contains a secret",
    "The secret would appear in every link and every log.",
    "Set `VARIABLE` to its own value, and replace the key pair: others may know this one.",
)
HASH = _Kind(
    "D149",
    Level.WARNING,
    "A value contains a #",
    "Comments after a value are not removed: the text after the # becomes part of every key.",
    "Write the comment on its own line, or remove the # from `VARIABLE`.",
    ("G11",),
)

# -- names and combinations

MISNAMED = _Kind(
    "D125",
    Level.ERROR,
    "A variable's name is misspelled",
    "Nothing reads this variable, and the one that it was meant to be is not set.",
    "Set `OTHER` in place of `VARIABLE`.",
    ("A3",),
)
LEFTOVER = _Kind(
    "D126",
    Level.WARNING,
    "A variable is not used",
    "Nothing reads it, so it has no effect.",
    "Unset `VARIABLE`.",
    ("A3",),
)
AMBIENT = _Kind(
    "D127",
    Level.WARNING,
    "An AWS SDK variable does not change the endpoint",
    "boto3 and the AWS CLI follow this variable, Holdall does not: a variable that was set for another tool must not move "
    "media to another server.",
    "If it is meant for media, set `AWS_S3_ENDPOINT_URL` too.",
    ("A8",),
)
NOT_IN_MODE = _Kind(
    "D129",
    Level.WARNING,
    "A variable is not used in this mode",
    "It has no effect.",
    "Unset `VARIABLE`, or change `STORAGES_MODE`.",
    ("A3",),
)
TWO_BUCKETS = _Kind(
    "D130",
    Level.ERROR,
    "Two variables name different buckets",
    "Nobody has decided which of the two buckets keeps the files.",
    "Unset `OTHER`.",
    ("A3",),
)
NO_BUCKET = _Kind(
    "D131",
    Level.ERROR,
    "The bucket is not set",
    "There is no place to keep files.",
    "VARIABLE=…   # the bucket's name",
    ("A4",),
)
REGION_DIFFERS = _Kind(
    "D132",
    Level.ERROR,
    "The endpoint and the region do not match",
    "Requests would be signed for one region and sent to another, which refuses them.",
    "Unset `VARIABLE`, and set `OTHER` to the region of the Space.",
    ("C3", "C5"),
)
BUCKET_IN_ENDPOINT = _Kind(
    "D133",
    Level.ERROR,
    "The endpoint contains the bucket",
    "Files would end up in a folder named after the bucket, or the host would not exist.",
    "Remove the bucket from the beginning of `VARIABLE`.",
    ("C1",),
)
BUCKET_IN_ENDPOINT_PERHAPS = _Kind(
    "D134",
    Level.WARNING,
    "The endpoint begins with the bucket's name",
    "If that part is the bucket, files will end up in a folder named after it.",
    "Compare `VARIABLE` with the endpoint in the provider's documentation.",
    ("C1",),
)
SPACES_KEY_MISSING = _Kind(
    "D135",
    Level.ERROR,
    "The key of the Space is missing",
    "Spaces has no other way to authenticate.",
    "VARIABLE=…   # created under API → Spaces Keys",
    ("B2",),
)
HALF_PAIR = _Kind(
    "D136",
    Level.ERROR,
    "Half of the key pair is missing",
    "One half is useless without the other: boto3 would fail or look for other keys.",
    "OTHER=…",
    ("B2",),
)
BLANK_KEY = _Kind(
    "D137",
    Level.ERROR,
    "A key is only whitespace or quotes",
    "boto3 would treat it as a key and sign with it.",
    "unset VARIABLE",
    ("A7", "A5"),
)
TOKEN_ALONE = _Kind(
    "D138",
    Level.ERROR,
    "A session token is set without its keys",
    "A session token belongs to one pair of temporary keys.",
    "Set all three, or unset `VARIABLE`.",
    ("B2", "B1"),
)
TOKEN_MISSING = _Kind(
    "D139",
    Level.ERROR,
    "Temporary keys are set without their session token",
    "The store would say that it does not know the key, although it works in the tool that it was copied from.",
    "OTHER=…   # or, on AWS, unset all three",
    ("B1",),
)
HALF_CLOUDFRONT = _Kind(
    "D140",
    Level.ERROR,
    "Half of CloudFront's key pair is missing",
    "Signing links needs both the key and its id.",
    "OTHER=…",
    ("E7",),
)
PUBLIC_WITHOUT_DOMAIN = _Kind(
    "D141",
    Level.ERROR,
    "Public files have no CDN domain",
    "Public files are served by the CDN in front of the bucket. Without its domain there are no links.",
    "VARIABLE=media.example.com   # Spaces: BUCKET.REGION.cdn.digitaloceanspaces.com",
    ("E3",),
)
CLOUDFRONT_UNUSED = _Kind(
    "D142",
    Level.WARNING,
    "CloudFront's keys are not used",
    "Links to public files are not signed.",
    "Unset them, or unset `STORAGE_MAKE_FILES_PUBLIC`.",
    ("E7",),
)
DOMAIN_UNUSED = _Kind(
    "D143",
    Level.WARNING,
    "The CDN domain is not used",
    "The files are private and nothing signs links for this domain, so it would refuse every visitor.",
    "If the CDN or proxy passes signed links on to the bucket, set AWS_S3_SIGN_FOR_DOMAIN=true. At Amazon, you can set "
    "CloudFront's keys instead. If everyone may see every file, set STORAGE_MAKE_FILES_PUBLIC=true.",
    ("E4",),
)
CLOUDFRONT_WITHOUT_DOMAIN = _Kind(
    "D144",
    Level.ERROR,
    "CloudFront's keys are set without a CDN domain",
    "Links are signed for the CDN domain.",
    "OTHER=…   # the distribution's domain",
    ("E7",),
)
PARENT_IS_SELF = _Kind(
    "D145",
    Level.ERROR,
    "The parent is the fork's own store, or is inside it",
    "Whatever the fork deletes, replaces or drops would be its parent's.",
    "STORAGE_LOCATION=forks/…   # or give the fork its own bucket",
)
PARENT_IS_BUILT = _Kind(
    "D146",
    Level.WARNING,
    "Build mode is set for the parent or the mirror",
    "It has no effect: images are built for the store itself.",
    "Unset `VARIABLE`.",
)
MIRROR_IS_SELF = _Kind(
    "D188",
    Level.ERROR,
    "The mirror is the store itself, or overlaps it",
    "Each file would be written over itself, or the copies would be files of the store.",
    "VARIABLE=…   # another bucket, or a location beside the store's",
)
MIRROR_DIFFERS = _Kind(
    "D189",
    Level.ERROR,
    "The mirror has another intent or another owner than the store",
    "The mirror gets every file of the store. If it were public and the store private, everybody could read them.",
    "Write the same value in both variables.",
)
MIRROR_OF_A_FORK = _Kind(
    "D190",
    Level.ERROR,
    "A fork cannot have a mirror, and a mirror cannot be a fork or have a mirror",
    "A fork's files are partly its parent's. After a move they would refer to another parent.",
    "Unset the variables that begin with `MIRROR_`. To move a fork, move its parent and make a new fork there.",
)
SWAPPED = _Kind(
    "D147",
    Level.WARNING,
    "The key id and the secret look swapped",
    "The store would say that it does not know the key. Worse, links contain the key id, so they would show the secret.",
    "Swap `VARIABLE` and `OTHER`.",
    ("B3",),
)
PUBLISHED = Kind(
    FINDING,
    Level.ERROR,
    "A public store would publish the private files of another one",
    "Both are in one bucket. Except where each file's ACL decides, the bucket or what the CDN may read of it is public, and "
    "so the private files are too, whatever their links look like.",
    "Give the private files a bucket of their own. If the domain serves the public folder alone, set the variable that the "
    "message names.",
    ("K1",),
    evidence="The variables, or the `STORAGES`, of all stores. Nothing is sent.",
)
OTHER_TOOLS_NAME = _Kind(
    "D148",
    Level.WARNING,
    "A variable of another tool has no effect",
    "Holdall does not read it, and the variable that it may stand for is not set.",
    "If it is meant for the storage, set `OTHER`.",
    ("A3",),
)
TWO_SOURCES = _Kind(
    "D180",
    Level.ERROR,
    "A key is set, and a file that holds it is named too",
    "Nobody has decided which of the two is the key.",
    "Unset `VARIABLE` or `OTHER`.",
    ("A7",),
)
KEY_FILE_UNREADABLE = _Kind(
    "D181",
    Level.ERROR,
    "The file that holds a key cannot be used",
    "Without its content there is no key.",
    "Check that the secret is mounted at that path, and that the user that runs this process can read it.",
    ("A7",),
)
KEY_FILE_EMPTY = _Kind(
    "D182",
    Level.ERROR,
    "The file that holds a key is empty",
    "An empty key is no key, and boto3 would look for others.",
    "Write the key into the file, or unset `VARIABLE`.",
    ("A7",),
)
UNREACHABLE = _Kind(
    "D161",
    Level.WARNING,
    "Links lead to a host that browsers do not know",
    "The name is known inside one network alone (compose, Kubernetes, a cloud), and a signed link works only for the host "
    "that it was signed for: every link looks right, and opens for nobody outside.",
    "AWS_S3_PUBLIC_ENDPOINT_URL=http://localhost:9000   # the address at which browsers reach the same server",
    ("C8",),
)
SIGNING_WITHOUT_DOMAIN = _Kind(
    "D162",
    Level.ERROR,
    "Links are to be signed for a domain that is not set",
    "Links carry the CDN domain.",
    "OTHER=…   # the domain that passes signed links on, or unset VARIABLE",
    ("E7",),
)
TWO_SIGNERS = _Kind(
    "D163",
    Level.ERROR,
    "Two ways to sign links for the CDN domain are set",
    "A link has one signature: CloudFront's own, or the one for the bucket that the CDN passes on.",
    "Unset `VARIABLE` if the domain is a CloudFront distribution with a key group; otherwise unset CloudFront's keys.",
    ("E7",),
)
SIGNING_UNUSED = _Kind(
    "D164",
    Level.WARNING,
    "Links to public files are not signed",
    "The variable has no effect.",
    "Unset `VARIABLE`, or unset `STORAGE_MAKE_FILES_PUBLIC`.",
    ("E7",),
)
PATH_BEHIND_CDN = _Kind(
    "D165",
    Level.WARNING,
    "The CDN domain is not used: the bucket's name is in the path",
    "The CDN of a Space passes signed links on only if the bucket is at the front of the host that they are signed for, so "
    "links lead to the Space itself. No certificate covers a bucket's name with dots there.",
    "Use a bucket without dots in its name, and leave AWS_S3_ADDRESSING_STYLE out; or unset `VARIABLE`.",
    ("C6", "E4"),
)
ANOTHER_BUCKETS_HOST = _Kind(
    "D166",
    Level.WARNING,
    "The domain is the host of another bucket",
    "Links to public files lead to that bucket. It answers 404 or 403, or with files of the same names.",
    "`VARIABLE` and `STORAGE_BUCKET_NAME` have to name one bucket: correct the one that is wrong.",
    ("E1",),
)
ANOTHER_PROVIDER = _Kind(
    "D183",
    Level.ERROR,
    "The environment speaks of another provider, but has no endpoint",
    "Without an endpoint, the bucket is looked for at Amazon S3: somebody else may have a bucket of that name there.",
    "VARIABLE=https://…   # the provider's endpoint; on DigitalOcean, set STORAGES_MODE=do instead",
    ("A3", "C1"),
)
SETTING_IN_ENVIRONMENT = _Kind(
    "D184",
    Level.WARNING,
    "A setting of django-storages is in the environment",
    "Nothing reads it there, so it has no effect.",
    "Set the option in settings.py, as the message says, and unset `VARIABLE`.",
    ("A3",),
)
UNREAD_PREFIX = _Kind(
    "D185",
    Level.ERROR,
    "All variables have a prefix that nobody asked for",
    "Holdall reads a prefix only where `aliases` names it.",
    "Write the line that the message shows in settings.py, or rename the variables.",
    ("A3",),
)
WHOLE_ADDRESS = _Kind(
    "D186",
    Level.ERROR,
    "A store is written as one address",
    "Holdall reads a variable for each part. An address with keys in it ends up in logs.",
    "`holdall env --write store.env` writes the variables into a file. Set them in place of `VARIABLE`.",
    ("A3", "A4"),
)
DOTENV = _Kind(
    "D187",
    Level.ERROR,
    "The variables may be in a .env that nothing has read",
    "Neither Django nor Holdall reads such a file.",
    "Load it at the beginning of settings.py, before `holdall.from_env()`: docs/how-to/env-files.md has the line for each "
    "library.",
    ("A3", "A4"),
)
