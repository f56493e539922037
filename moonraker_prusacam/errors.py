# Every error that this package raises on purpose.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of errors.

::

    PrusacamError
    ├─ ConfigError                 one mistake: section, option, line
    ├─ ConfigErrors                all mistakes of one file
    ├─ SourceError                 a camera's bytes do not arrive
    │   ├─ SourceUnavailable       absent, silent, closed         (OSError)
    │   ├─ SourceStalled           connected, but no frame        (TimeoutError)
    │   ├─ SourceRefused           password, certificate, rights  (PermissionError)
    │   └─ SourceUnfit             what comes is no MJPEG         (ValueError)
    ├─ FrameError                  not a picture, or too large    (ValueError)
    ├─ CameraNotFound              no camera of that name         (LookupError)
    ├─ CameraBusy                  somebody else has it tested
    ├─ FrameUnavailable            no frame that is fresh enough
    ├─ FfmpegMissing               there is none that can be run
    ├─ RequestError                a viewer's parameter is wrong  (ValueError)
    ├─ AccessDenied                a viewer is not let in         (PermissionError)
    │   └─ HostUnknown             asked by a name that may be a stranger's
    ├─ PrusaConnectError           Prusa Connect said no
    │   ├─ ConnectUnavailable      network, 429, 5xx
    │   ├─ SnapshotRejected        other 4xx
    │   ├─ TokenRejected           401 and 403: the user must act
    │   ├─ VideoNotThere           no such video, or not yet       (LookupError)
    │   ├─ VideoRejected           what comes is not to be had as a video
    │   │   └─ VideoTooLarge       larger than we may take
    │   └─ FileRejected            a file for the printer is not to be had
    ├─ VideoDamaged                what should be an MP4 is none   (ValueError)
    ├─ DiskRefused                 no room, or the disk fails
    ├─ SignalingError              the Prusa camera protocol
    │   ├─ MessageMalformed        octets are no such message     (ValueError)
    │   ├─ MessageUnsupported      the profile has no place for it
    │   ├─ SignalingOptionError    a value out of its range       (ValueError)
    │   ├─ SignalingUnavailable    absent, silent, closed         (ConnectionError)
    │   └─ SignalingRefused        the server or the camera said no
    ├─ ControlError                the control socket
    │   ├─ EngineUnavailable       nobody listens                 (ConnectionError)
    │   └─ RpcError                the peer answered with an error
    ├─ KlippyError                 Klipper's API socket
    │   ├─ KlippyUnavailable       absent, silent, closed         (ConnectionError)
    │   ├─ KlippyRefused           Klipper answered with an error
    │   └─ KlippyDataError         bytes or numbers make no sense (ValueError)
    ├─ PrinterError                the printer in Prusa Connect
    │   ├─ MoonrakerUnavailable    absent, silent, closed         (ConnectionError)
    │   ├─ MoonrakerRefused        Moonraker or Klipper said no
    │   ├─ RegistrationError       registered already, or not yet, or not wanted
    │   ├─ CommandRejected         it is not done, and why
    │   └─ CommandFailed           it was begun, and went wrong
    ├─ TimelapseError              a job cannot do what was asked
    │   ├─ FramesNotFound          no frames for that             (LookupError)
    │   ├─ JobNotFound             no job of that id              (LookupError)
    │   ├─ VideoNotFound           no video of ours of that name  (LookupError)
    │   ├─ TimelapseOptionError    an option or a name is wrong   (ValueError)
    │   └─ RenderError             ffmpeg failed
    ├─ GatewayError                the read-only gateway
    │   ├─ AccessRefused           who asks may not watch         (PermissionError)
    │   ├─ CallRefused             a call that does not pass
    │   ├─ TooManyViewers          one more than there may be
    │   └─ UpstreamUnavailable     what is behind it is absent    (ConnectionError)
    ├─ EmulatorError               a local stand-in could not do its part
    ├─ InstallError                a host is not as the installer needs it
    │   ├─ FileReadOnly            a file that somebody has locked (PermissionError)
    │   └─ RootNeeded              only root can do that           (PermissionError)
    └─ ClosedError                 used after ``aclose``

Inner layers raise these from their cause. Three places translate them: ``web``
(status and JSON), ``cli`` (exit code and one line), and the retry loop of an owner
(logs a change of state once, then counts).
"""

from __future__ import annotations


class PrusacamError(Exception):
    """Base of all our errors. ``retryable`` says whether waiting may help."""

    retryable = False
    http_status = 500


class ConfigError(PrusacamError, ValueError):
    """One mistake in the configuration, located as well as it can be."""

    def __init__(
        self,
        message: str,
        *,
        section: str | None = None,
        option: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.section = section
        self.option = option
        self.line = line

    def __str__(self) -> str:
        place = [] if self.line is None else [f"line {self.line}"]
        if self.section is not None:
            option = "" if self.option is None else f" {self.option}"
            place.append(f"[{self.section}]{option}")
        return f"{', '.join(place)}: {self.message}" if place else self.message


class ConfigErrors(PrusacamError, ValueError):
    """All mistakes of one configuration file, in the order of its lines."""

    def __init__(self, path: str, errors: tuple[ConfigError, ...]) -> None:
        count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
        super().__init__(f"{path}: {count}: " + "; ".join(map(str, errors)))
        self.path = path
        self.errors = errors


class SourceError(PrusacamError):
    """A camera's bytes do not arrive.

    ``advice`` is what a person can do about it. ``least_delay_s`` keeps the next
    attempt away for so long: cameras lock out who knocks with a wrong password again
    and again.
    """

    retryable = True
    http_status = 503
    least_delay_s = 0.0

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class SourceUnavailable(SourceError, OSError):
    """The source is absent, does not answer, or closed the connection."""


class SourceStalled(SourceError, TimeoutError):
    """The source is connected and delivers no frame."""


class SourceRefused(SourceError, PermissionError):
    """The source wants another password, user or certificate."""

    least_delay_s = 30.0


class SourceUnfit(SourceError, ValueError):
    """What the source delivers is something else than JPEGs."""

    least_delay_s = 5.0


class FfmpegMissing(PrusacamError):
    """There is no ffmpeg, or the configured one cannot be run."""

    http_status = 503


class FrameError(PrusacamError, ValueError):
    """The bytes are not one whole JPEG, or too many."""

    http_status = 502


class CameraNotFound(PrusacamError, LookupError):
    """No camera of that name is configured."""

    http_status = 404


class CameraBusy(PrusacamError):
    """The camera is being tested for somebody else."""

    retryable = True
    http_status = 409


class FrameUnavailable(PrusacamError):
    """There is no frame, or none fresh enough to be served as live."""

    retryable = True
    http_status = 503


class RequestError(PrusacamError, ValueError):
    """A parameter of a viewer's request makes no sense."""

    http_status = 400


class AccessDenied(PrusacamError, PermissionError):
    """A viewer needs a token, or another one; no text holds one."""

    http_status = 401


class HostUnknown(AccessDenied):
    """A browser calls this host by a name that may be a stranger's."""

    http_status = 421


class PrusaConnectError(PrusacamError):
    """Prusa Connect refused or could not be reached; ``status`` is HTTP's or None."""

    http_status = 502

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ConnectUnavailable(PrusaConnectError):
    """Network trouble, 429 or 5xx: try again later."""

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class SnapshotRejected(PrusaConnectError):
    """Prusa Connect will not take this request as it is."""


class SnapshotTooLarge(SnapshotRejected):
    """Prusa Connect wants a smaller snapshot."""


class TokenRejected(PrusaConnectError):
    """Token or fingerprint are not valid (any more); only the user can mend it.

    ``cause`` is a word for it that does not change.
    """

    def __init__(
        self, message: str, *, status: int | None = None, cause: str = "token"
    ) -> None:
        super().__init__(message, status=status)
        self.cause = cause


class VideoNotThere(PrusaConnectError, LookupError):
    """Prusa Connect has no such video, or not yet."""

    retryable = True
    http_status = 404


class VideoRejected(PrusaConnectError):
    """Something else comes than a video, or it points elsewhere, or is packed."""


class VideoTooLarge(VideoRejected):
    """The video is larger than we were told to take."""


class FileRejected(PrusaConnectError):
    """A file for the printer is not to be had, or is another than was announced."""


class VideoDamaged(PrusacamError, ValueError):
    """A file should be a whole MP4, and is not."""

    retryable = True
    http_status = 502


class DiskRefused(PrusacamError):
    """The disk does not take a file, or that would take what is to stay free."""

    retryable = True
    http_status = 507


class SnapshotUnfit(PrusacamError):
    """The camera's picture is not worth sending: frozen or damaged."""

    retryable = True
    http_status = 503


class SignalingError(PrusacamError):
    """Trouble with the Prusa camera protocol; ``advice`` is what a person can do."""

    http_status = 502

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class MessageMalformed(SignalingError, ValueError):
    """Octets are no message of that kind, or values are none that it can hold."""


class MessageUnsupported(SignalingError):
    """The profile has no such message, or no place for a value."""

    http_status = 400


class SignalingOptionError(SignalingError, ValueError):
    """A value is outside of what a camera takes; the text names value and range."""

    http_status = 400


class SignalingUnavailable(SignalingError, ConnectionError):
    """The signalling server is absent or silent, or has closed the connection."""

    retryable = True
    http_status = 503


class SignalingRefused(SignalingError):
    """The server or the camera refused; ``code`` is that of its acknowledgement.

    One that is ``retryable`` may pass by itself.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        advice: str = "",
        retryable: bool = False,
    ) -> None:
        super().__init__(message, advice=advice)
        self.code = code
        self.retryable = retryable


class ControlError(PrusacamError):
    """Trouble on the control socket."""


class EngineUnavailable(ControlError, ConnectionError):
    """No engine listens on the control socket."""

    retryable = True
    http_status = 503


class RpcError(ControlError):
    """A JSON-RPC error, raised by a method or received from the peer.

    ``code`` is JSON-RPC 2.0's number; ``http_status`` is what a web endpoint that
    relays the call should answer.
    """

    def __init__(self, code: int, message: str, *, http_status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status


class KlippyError(PrusacamError):
    """Trouble on Klipper's API socket."""

    http_status = 502


class KlippyUnavailable(KlippyError, ConnectionError):
    """Klipper is absent, silent or not ready, or closed the connection."""

    retryable = True
    http_status = 503


class KlippyRefused(KlippyError):
    """Klipper answered a request with an error."""


class KlippyDataError(KlippyError, ValueError):
    """What Klipper sent is no message, or holds no number where one belongs."""


class PrinterError(PrusacamError):
    """The printer in Prusa Connect, or Moonraker on the way to it."""

    http_status = 502


class MoonrakerUnavailable(PrinterError, ConnectionError):
    """Moonraker is absent, silent, or has closed the connection."""

    retryable = True
    http_status = 503


class MoonrakerRefused(PrinterError):
    """Moonraker, or Klipper behind it, answered with an error; ``code`` is its own."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class RegistrationError(PrinterError):
    """There is a printer in Prusa Connect already, or none yet, or none is wanted."""

    http_status = 409


class CommandRejected(PrinterError):
    """A command that is not done; the text is the reason that Prusa Connect shows."""

    http_status = 409


class CommandFailed(PrinterError):
    """A command that was begun and went wrong; the text is told to Prusa Connect."""


class TimelapseError(PrusacamError):
    """A timelapse job cannot do what was asked of it."""

    http_status = 409


class FramesNotFound(TimelapseError, LookupError):
    """There are no frames for what was asked."""

    http_status = 404


class JobNotFound(TimelapseError, LookupError):
    """No job has that id."""

    http_status = 404


class VideoNotFound(TimelapseError, LookupError):
    """No finished video of ours has that name."""

    http_status = 404


class TimelapseOptionError(TimelapseError, ValueError):
    """An option is unknown, its value is, or a name cannot be one."""

    http_status = 400


class RenderError(TimelapseError):
    """ffmpeg failed; ``stderr_tail`` holds its last lines."""

    http_status = 500

    def __init__(
        self, message: str, *, returncode: int | None = None, stderr_tail: str = ""
    ) -> None:
        super().__init__(message)
        self.returncode = returncode
        self.stderr_tail = stderr_tail


class GatewayError(PrusacamError):
    """The read-only gateway does not answer as it was asked to."""

    http_status = 403


class AccessRefused(GatewayError, PermissionError):
    """Who asks may not watch, or asks in a way that browsers must not."""

    def __init__(self, message: str, *, http_status: int = 403) -> None:
        super().__init__(message)
        self.http_status = http_status


class CallRefused(GatewayError):
    """A call is refused, by us or by Moonraker; ``code`` is that of JSON-RPC."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TooManyViewers(GatewayError):
    """There are as many viewers as there may be."""

    retryable = True
    http_status = 503


class UpstreamUnavailable(GatewayError, ConnectionError):
    """Moonraker or the engine is absent, silent, or answers nonsense."""

    retryable = True
    http_status = 502


class EmulatorError(PrusacamError):
    """A local stand-in could not do its part of the demo."""


class InstallError(PrusacamError):
    """A host is not as the installer needs it; the text says what helps."""


class FileReadOnly(InstallError, PermissionError):
    """A file is not to be written, and is left as it is."""


class RootNeeded(InstallError, PermissionError):
    """A step needs root, and there is no way to become it."""


class ClosedError(PrusacamError):
    """The object was used after ``aclose``."""
