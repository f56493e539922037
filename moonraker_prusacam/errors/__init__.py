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
    ├─ MultiCamError               recording together with other devices
    │   ├─ MultiCamMalformed       no message of the protocol     (ValueError)
    │   ├─ MultiCamUnsupported     a command that is not known, or not done
    │   ├─ MultiCamUnavailable     absent, silent, closed         (ConnectionError)
    │   ├─ MultiCamRefused         the device said no
    │   │   ├─ TimeNotSynchronized nobody has set its clock
    │   │   └─ RecordingNotFound   no recording of that name      (LookupError)
    │   └─ MultiCamOptionError     a value out of its range       (ValueError)
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

from .base import ClosedError as ClosedError
from .base import PrusacamError as PrusacamError
from .cameras import CameraBusy as CameraBusy
from .cameras import CameraNotFound as CameraNotFound
from .cameras import FrameError as FrameError
from .cameras import FrameUnavailable as FrameUnavailable
from .cameras import SourceError as SourceError
from .cameras import SourceRefused as SourceRefused
from .cameras import SourceStalled as SourceStalled
from .cameras import SourceUnavailable as SourceUnavailable
from .cameras import SourceUnfit as SourceUnfit
from .configuration import ConfigError as ConfigError
from .configuration import ConfigErrors as ConfigErrors
from .connect import ConnectUnavailable as ConnectUnavailable
from .connect import DiskRefused as DiskRefused
from .connect import FileRejected as FileRejected
from .connect import PrusaConnectError as PrusaConnectError
from .connect import SnapshotRejected as SnapshotRejected
from .connect import SnapshotTooLarge as SnapshotTooLarge
from .connect import SnapshotUnfit as SnapshotUnfit
from .connect import TokenRejected as TokenRejected
from .connect import VideoDamaged as VideoDamaged
from .connect import VideoNotThere as VideoNotThere
from .connect import VideoRejected as VideoRejected
from .connect import VideoTooLarge as VideoTooLarge
from .host import EmulatorError as EmulatorError
from .host import FfmpegMissing as FfmpegMissing
from .host import FileReadOnly as FileReadOnly
from .host import InstallError as InstallError
from .host import RootNeeded as RootNeeded
from .multicam import MultiCamError as MultiCamError
from .multicam import MultiCamMalformed as MultiCamMalformed
from .multicam import MultiCamOptionError as MultiCamOptionError
from .multicam import MultiCamRefused as MultiCamRefused
from .multicam import MultiCamUnavailable as MultiCamUnavailable
from .multicam import MultiCamUnsupported as MultiCamUnsupported
from .multicam import RecordingNotFound as RecordingNotFound
from .multicam import TimeNotSynchronized as TimeNotSynchronized
from .printer import CommandFailed as CommandFailed
from .printer import CommandRejected as CommandRejected
from .printer import ControlError as ControlError
from .printer import EngineUnavailable as EngineUnavailable
from .printer import KlippyDataError as KlippyDataError
from .printer import KlippyError as KlippyError
from .printer import KlippyRefused as KlippyRefused
from .printer import KlippyUnavailable as KlippyUnavailable
from .printer import MoonrakerRefused as MoonrakerRefused
from .printer import MoonrakerUnavailable as MoonrakerUnavailable
from .printer import PrinterError as PrinterError
from .printer import RegistrationError as RegistrationError
from .printer import RpcError as RpcError
from .signaling import MessageMalformed as MessageMalformed
from .signaling import MessageUnsupported as MessageUnsupported
from .signaling import SignalingError as SignalingError
from .signaling import SignalingOptionError as SignalingOptionError
from .signaling import SignalingRefused as SignalingRefused
from .signaling import SignalingUnavailable as SignalingUnavailable
from .timelapse import FramesNotFound as FramesNotFound
from .timelapse import JobNotFound as JobNotFound
from .timelapse import RenderError as RenderError
from .timelapse import TimelapseError as TimelapseError
from .timelapse import TimelapseOptionError as TimelapseOptionError
from .timelapse import VideoNotFound as VideoNotFound
from .viewers import AccessDenied as AccessDenied
from .viewers import AccessRefused as AccessRefused
from .viewers import CallRefused as CallRefused
from .viewers import GatewayError as GatewayError
from .viewers import HostUnknown as HostUnknown
from .viewers import RequestError as RequestError
from .viewers import TooManyViewers as TooManyViewers
from .viewers import UpstreamUnavailable as UpstreamUnavailable
