"""What is said of a store that does not answer."""

from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from holdall.s3.unanswered import explain_silence


def test_refused_connection_is_told_without_the_objects_of_the_http_library() -> None:
    error = NewConnectionError(
        HTTPConnection("127.0.0.1", 9), "Failed to establish a new connection: [Errno 111] refused"
    )
    said = str(explain_silence(error, what='saving "a.txt"', where='bucket "media"', tried="tried 4 times in 3.4 s"))

    assert "broke off (Failed to establish a new connection: [Errno 111] refused; tried 4 times in 3.4 s)." in said
    assert "HTTPConnection" not in said
