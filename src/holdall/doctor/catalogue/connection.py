"""Findings about reaching the store: its endpoint, the clock, the keys and the bucket."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Refused = partial(Kind, evidence="The store's answer to a signed request: its status and its error code.")
_Unreached = partial(Kind, evidence="How the connection to the endpoint failed.")
_Clock = partial(Kind, evidence="The `Date` header of the store's answer, compared with this machine's clock.")
_SET_CLOCK = "sudo timedatectl set-ntp true   # virtual machines: restart it, or its time service, after sleep"

# -- the endpoint and the clock

ENDPOINT_ANSWERS = Kind("D300", Level.OK, "The endpoint responds", "An S3 server answered an unsigned request.")
CLOCK_REFUSED = _Refused(
    "D306",
    Level.ERROR,
    "The store refuses requests because this machine's clock is wrong",
    "Requests are signed with the time. The store refuses any that are off by more than 15 minutes. Time zones do not matter.",
    _SET_CLOCK,
    ("B6",),
)
CLOCK_DRIFTS = _Clock(
    "D307",
    Level.WARNING,
    "This machine's clock is off",
    "Signed links start or stop working at the wrong time. From 15 minutes on, the store refuses every request.",
    _SET_CLOCK,
    ("B6",),
)
CLOCK_IS_WRONG = _Clock(
    "D308",
    Level.ERROR,
    "This machine's clock is off by minutes",
    "Signed links expire too early or do not work yet. From 15 minutes on, the store refuses every request.",
    _SET_CLOCK,
    ("B6",),
)
HOST_UNKNOWN = _Unreached(
    "D320",
    Level.ERROR,
    "The endpoint's host does not exist",
    "The address is misspelled, or this machine's DNS server does not know it.",
    "Check `AWS_S3_ENDPOINT_URL` (mode do: `DO_REGION`) for typing errors, and look the host up with `nslookup`.",
    remedies=(
        Cause(
            "No endpoint is set, so the host is Amazon's and is made of the bucket and the region.",
            "Check `STORAGE_BUCKET_NAME` and `AWS_S3_REGION_NAME`. For another provider, set `AWS_S3_ENDPOINT_URL`.",
        ),
    ),
)
UNREACHABLE = _Unreached(
    "D321",
    Level.ERROR,
    "The store cannot be reached",
    "Nothing responds at the endpoint. The port may be wrong, a firewall may block it, or the server may not be running.",
    "Run `curl -v` with the endpoint, from this machine or container.",
)
CERTIFICATE_REFUSED = _Unreached(
    "D322",
    Level.ERROR,
    "The endpoint's certificate is not accepted",
    "It is for another host name, it has expired, or this machine does not know the authority that signed it.",
    "Use the host name that the certificate is for. If you have your own authority, set `AWS_CA_BUNDLE` to its certificate.",
    ("C6",),
)
NO_TLS = _Unreached(
    "D325",
    Level.ERROR,
    "The endpoint uses plain HTTP at this port",
    "HTTPS was expected, but what answered does not speak it. Either the address should begin with http://, or the port is "
    "wrong.",
    "Change `AWS_S3_ENDPOINT_URL` to http://, or to the port that speaks HTTPS.",
    ("C2",),
)
NOT_S3 = Kind(
    "D323",
    Level.ERROR,
    "What responds is not S3",
    "A web page, a CDN or a proxy is where the S3 API should be.",
    "Set `AWS_S3_ENDPOINT_URL` to the address of the S3 API, without the bucket and without a CDN.",
    ("C1",),
    evidence="The answer to an unsigned request.",
    remedies=(
        Cause(
            "The network has a log-in page, as in a hotel or for guests, and answers in the store's place.",
            "Open http://example.com in a browser, log in, and run the doctor again.",
        ),
    ),
)
REDIRECTS = Kind(
    "D326",
    Level.ERROR,
    "The endpoint redirects to another address",
    "Requests and links are signed for one host, so they cannot follow a redirect.",
    "Set `AWS_S3_ENDPOINT_URL` to the address that the redirect leads to.",
    ("C2",),
    evidence="The answer to an unsigned request, and its header `Location`.",
)
PROXY_REFUSES = Kind(
    "D327",
    Level.ERROR,
    "The proxy does not let requests through",
    "`HTTPS_PROXY` or `HTTP_PROXY` is set, so requests to the store go by that proxy, and it does not connect, or refuses.",
    "Check the proxy's address, its password and what it allows. If the store is in your own network, add its host to "
    "`NO_PROXY`.",
    evidence="How the connection through the proxy failed.",
)
NEEDS_TLS = Kind(
    "D328",
    Level.ERROR,
    "The endpoint uses HTTPS at this port",
    "The address begins with http://, but what answers expects HTTPS.",
    "Change `AWS_S3_ENDPOINT_URL` to https://, or to the port that speaks HTTP.",
    ("C2",),
    evidence="The answer to an unsigned request.",
)

# -- the keys

KEY_UNKNOWN = _Refused(
    "D301",
    Level.ERROR,
    "The store does not know the key id",
    "`AWS_ACCESS_KEY_ID` belongs to another provider or account, was deleted, or was not copied correctly.",
    "Compare it with the console of this provider and account, or create a new key pair there and set both variables.",
    ("B3", "B1"),
)
SECRET_WRONG = _Refused(
    "D302",
    Level.ERROR,
    "The signature does not match: the secret is wrong",
    "The store knows the key id, but `AWS_SECRET_ACCESS_KEY` is not its secret. It is incomplete or belongs to another key.",
    "Copy `AWS_SECRET_ACCESS_KEY` again, in full. Consoles show a secret only once, so create a new key pair if it is lost.",
    ("B3",),
)
KEYS_EXPIRED = _Refused(
    "D303",
    Level.ERROR,
    "The temporary keys have expired",
    "Uploads fail from now on, and all links that they signed are dead.",
    "Get new ones and set all three: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.",
    ("F2",),
)
TOKEN_WRONG = _Refused(
    "D304",
    Level.ERROR,
    "The session token does not belong to the key",
    "Temporary keys come in sets of three. These three are from different sets.",
    "Set `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` from one set, or unset all three on AWS.",
    ("B1",),
)
NO_KEYS = Kind(
    "D305",
    Level.ERROR,
    "No keys were found",
    "There are none in the environment, and boto3 found no profile and no role of an instance or container.",
    "Set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or give the instance, container or function a role.",
    ("B2",),
    evidence="Everywhere that boto3 looks for keys.",
)
KEYS_UNREADABLE = Kind(
    "D313",
    Level.ERROR,
    "The keys cannot be read",
    "The environment names a source of keys (a token file, a profile, a login, a program), and that source does not work. No "
    "request can be signed.",
    "Do what the message says. If the environment should use another source, unset the variable that it names.",
    ("B2",),
    evidence="Everywhere that boto3 looks for keys.",
)

# -- the bucket

BUCKET_OPENS = Kind(
    "D309", Level.OK, "The keys open the bucket", "The store accepted a signed request about the bucket."
)
BUCKET_MISSING = _Refused(
    "D310",
    Level.ERROR,
    "The bucket does not exist here",
    "The name is misspelled, or the bucket is in another region or at another provider.",
    "Correct `STORAGE_BUCKET_NAME`, or create the bucket.",
    ("C9",),
    remedies=(
        Cause(
            "The endpoint or region is wrong. At most providers, a bucket is known only in its own region.",
            "Compare `AWS_S3_ENDPOINT_URL` and `AWS_S3_REGION_NAME` (mode do: `DO_REGION`) with the console.",
        ),
    ),
)
REGION_WRONG = _Refused(
    "D311",
    Level.ERROR,
    "The bucket is in another region",
    "Requests and links are signed for a region. Another region refuses or redirects them.",
    "Set `AWS_S3_REGION_NAME` (mode do: `DO_REGION`) to the bucket's region.",
    ("C5", "C3", "C4"),
)
PATH_STYLE_REFUSED = _Refused(
    "D314",
    Level.ERROR,
    "The store wants the bucket's name before the host",
    "It refuses requests with the bucket in the path, so nothing can be saved or shown.",
    "AWS_S3_ADDRESSING_STYLE=virtual",
    ("C1",),
)
BUCKET_HIDDEN = Kind(
    "D312",
    Level.UNKNOWN,
    "Could not check whether the bucket exists",
    "The keys are not allowed to ask about the bucket itself (`s3:ListBucket`). Saving a file will show it.",
    evidence="The store's answer to a signed request about the bucket.",
)

# -- any other refusal

THROTTLED = _Refused(
    "D324",
    Level.ERROR,
    "The store is limiting requests",
    "This account or address has sent too many requests, and retries were refused too.",
    "Run the doctor when there is less traffic. Spread bulk work over time, and do not list files during page views.",
    ("I4",),
)
REFUSED = _Refused(
    "D330",
    Level.ERROR,
    "The store refused a request",
    "The store knows the keys, but they are not allowed to do this.",
    "Grant the rights that `holdall provision` prints.",
    ("B5",),
)
QUOTA_USED_UP = _Refused(
    "D332",
    Level.ERROR,
    "The quota is used up",
    "The store takes no more files of this account or bucket. Reading and deleting still work.",
    "Delete something, or have the quota raised. No right of the keys helps.",
)
ARCHIVED = _Refused(
    "D333",
    Level.ERROR,
    "Files are archived when they are saved",
    "An archived file cannot be read before it is restored, which takes minutes to hours. Links to it fail.",
    "Save files with a storage class that can be read at once, and let no lifecycle rule archive what is served.",
)
DENIED = _Refused(
    "D334",
    Level.ERROR,
    "A policy denies it explicitly",
    "No grant outweighs a `Deny`, so more rights for the keys do not help.",
    "Find the statement that denies it in the policy of the bucket, the user, the role or the organisation, and exclude these "
    "keys from it.",
)
LOCKED = _Refused(
    "D335",
    Level.ERROR,
    "The object is locked",
    "The bucket has an object lock, so new files cannot be changed or deleted until their retention ends.",
    "Remove the bucket's default retention, or use a bucket without object lock for files that are replaced or deleted.",
)
REFUSED_LASTING = _Refused(
    "D336",
    Level.ERROR,
    "The store refuses for a reason that no right changes",
    "The store's error code says why. More rights for the keys do not help.",
    "Do what the reason says, or ask whoever runs the store.",
)
FAILED = _Refused(
    "D331",
    Level.ERROR,
    "The store failed",
    "It answered with an error of its own.",
    "Try again. If the error stays, show what was seen to whoever runs the store.",
)
