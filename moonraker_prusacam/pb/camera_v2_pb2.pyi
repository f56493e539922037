from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FeatureState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEATURE_INVALID: _ClassVar[FeatureState]
    FEATURE_ENABLED: _ClassVar[FeatureState]
    FEATURE_DISABLED: _ClassVar[FeatureState]

class RotationDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROTATION_DIRECTION_INVALID: _ClassVar[RotationDirection]
    LEFT: _ClassVar[RotationDirection]
    RIGHT: _ClassVar[RotationDirection]
    UP: _ClassVar[RotationDirection]
    DOWN: _ClassVar[RotationDirection]

class CameraMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAMERA_MODE_INVALID: _ClassVar[CameraMode]
    AUTO: _ClassVar[CameraMode]
    DAY: _ClassVar[CameraMode]
    NIGHT: _ClassVar[CameraMode]

class VideoQuality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIDEO_QUALITY_INVALID: _ClassVar[VideoQuality]
    VIDEO_QUALITY_SD: _ClassVar[VideoQuality]
    VIDEO_QUALITY_HD: _ClassVar[VideoQuality]
    VIDEO_QUALITY_FHD: _ClassVar[VideoQuality]

class TimelapseStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIMELAPSE_INVALID: _ClassVar[TimelapseStatus]
    TIMELAPSE_IDLE: _ClassVar[TimelapseStatus]
    TIMELAPSE_IN_PROGRESS: _ClassVar[TimelapseStatus]
    TIMELAPSE_DONE: _ClassVar[TimelapseStatus]
    TIMELAPSE_FAILED: _ClassVar[TimelapseStatus]
FEATURE_INVALID: FeatureState
FEATURE_ENABLED: FeatureState
FEATURE_DISABLED: FeatureState
ROTATION_DIRECTION_INVALID: RotationDirection
LEFT: RotationDirection
RIGHT: RotationDirection
UP: RotationDirection
DOWN: RotationDirection
CAMERA_MODE_INVALID: CameraMode
AUTO: CameraMode
DAY: CameraMode
NIGHT: CameraMode
VIDEO_QUALITY_INVALID: VideoQuality
VIDEO_QUALITY_SD: VideoQuality
VIDEO_QUALITY_HD: VideoQuality
VIDEO_QUALITY_FHD: VideoQuality
TIMELAPSE_INVALID: TimelapseStatus
TIMELAPSE_IDLE: TimelapseStatus
TIMELAPSE_IN_PROGRESS: TimelapseStatus
TIMELAPSE_DONE: TimelapseStatus
TIMELAPSE_FAILED: TimelapseStatus

class ClientAuthentication(_message.Message):
    __slots__ = ("camera_token", "client_type", "client_jwt_token", "fingerprint")
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_JWT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    camera_token: str
    client_type: str
    client_jwt_token: str
    fingerprint: str
    def __init__(self, camera_token: _Optional[str] = ..., client_type: _Optional[str] = ..., client_jwt_token: _Optional[str] = ..., fingerprint: _Optional[str] = ...) -> None: ...

class CameraTrigger(_message.Message):
    __slots__ = ("get_status", "get_features", "get_snapshot", "set_snapshot_enable", "set_timelapse_enable", "start_fw_update", "start_device_reboot", "start_rtsp_server", "camera_token", "get_protocol_information", "request_id", "start_timelapse_video", "get_timelapse_file_list")
    GET_STATUS_FIELD_NUMBER: _ClassVar[int]
    GET_FEATURES_FIELD_NUMBER: _ClassVar[int]
    GET_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    SET_SNAPSHOT_ENABLE_FIELD_NUMBER: _ClassVar[int]
    SET_TIMELAPSE_ENABLE_FIELD_NUMBER: _ClassVar[int]
    START_FW_UPDATE_FIELD_NUMBER: _ClassVar[int]
    START_DEVICE_REBOOT_FIELD_NUMBER: _ClassVar[int]
    START_RTSP_SERVER_FIELD_NUMBER: _ClassVar[int]
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    GET_PROTOCOL_INFORMATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIMELAPSE_VIDEO_FIELD_NUMBER: _ClassVar[int]
    GET_TIMELAPSE_FILE_LIST_FIELD_NUMBER: _ClassVar[int]
    get_status: FeatureState
    get_features: FeatureState
    get_snapshot: FeatureState
    set_snapshot_enable: FeatureState
    set_timelapse_enable: FeatureState
    start_fw_update: FeatureState
    start_device_reboot: FeatureState
    start_rtsp_server: FeatureState
    camera_token: str
    get_protocol_information: FeatureState
    request_id: str
    start_timelapse_video: FeatureState
    get_timelapse_file_list: FeatureState
    def __init__(self, get_status: _Optional[_Union[FeatureState, str]] = ..., get_features: _Optional[_Union[FeatureState, str]] = ..., get_snapshot: _Optional[_Union[FeatureState, str]] = ..., set_snapshot_enable: _Optional[_Union[FeatureState, str]] = ..., set_timelapse_enable: _Optional[_Union[FeatureState, str]] = ..., start_fw_update: _Optional[_Union[FeatureState, str]] = ..., start_device_reboot: _Optional[_Union[FeatureState, str]] = ..., start_rtsp_server: _Optional[_Union[FeatureState, str]] = ..., camera_token: _Optional[str] = ..., get_protocol_information: _Optional[_Union[FeatureState, str]] = ..., request_id: _Optional[str] = ..., start_timelapse_video: _Optional[_Union[FeatureState, str]] = ..., get_timelapse_file_list: _Optional[_Union[FeatureState, str]] = ...) -> None: ...

class RotationSettings(_message.Message):
    __slots__ = ("direction", "angle")
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    ANGLE_FIELD_NUMBER: _ClassVar[int]
    direction: RotationDirection
    angle: int
    def __init__(self, direction: _Optional[_Union[RotationDirection, str]] = ..., angle: _Optional[int] = ...) -> None: ...

class CameraControl(_message.Message):
    __slots__ = ("rotation", "camera_light", "exposure_time", "camera_mode", "snapshot_interval", "contrast", "volume", "brightness", "saturation", "printing_job_name")
    ROTATION_FIELD_NUMBER: _ClassVar[int]
    CAMERA_LIGHT_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_TIME_FIELD_NUMBER: _ClassVar[int]
    CAMERA_MODE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    CONTRAST_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    BRIGHTNESS_FIELD_NUMBER: _ClassVar[int]
    SATURATION_FIELD_NUMBER: _ClassVar[int]
    PRINTING_JOB_NAME_FIELD_NUMBER: _ClassVar[int]
    rotation: RotationSettings
    camera_light: FeatureState
    exposure_time: int
    camera_mode: CameraMode
    snapshot_interval: int
    contrast: int
    volume: int
    brightness: int
    saturation: int
    printing_job_name: str
    def __init__(self, rotation: _Optional[_Union[RotationSettings, _Mapping]] = ..., camera_light: _Optional[_Union[FeatureState, str]] = ..., exposure_time: _Optional[int] = ..., camera_mode: _Optional[_Union[CameraMode, str]] = ..., snapshot_interval: _Optional[int] = ..., contrast: _Optional[int] = ..., volume: _Optional[int] = ..., brightness: _Optional[int] = ..., saturation: _Optional[int] = ..., printing_job_name: _Optional[str] = ...) -> None: ...

class ServerToCamera(_message.Message):
    __slots__ = ("control", "camera_token", "request_id")
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    control: CameraControl
    camera_token: str
    request_id: str
    def __init__(self, control: _Optional[_Union[CameraControl, _Mapping]] = ..., camera_token: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class WifiInfo(_message.Message):
    __slots__ = ("ssid", "mac", "ipv4", "ipv6", "signal_quality")
    SSID_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    IPV4_FIELD_NUMBER: _ClassVar[int]
    IPV6_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_QUALITY_FIELD_NUMBER: _ClassVar[int]
    ssid: str
    mac: str
    ipv4: str
    ipv6: str
    signal_quality: int
    def __init__(self, ssid: _Optional[str] = ..., mac: _Optional[str] = ..., ipv4: _Optional[str] = ..., ipv6: _Optional[str] = ..., signal_quality: _Optional[int] = ...) -> None: ...

class EthernetInfo(_message.Message):
    __slots__ = ("mac", "ipv4", "ipv6")
    MAC_FIELD_NUMBER: _ClassVar[int]
    IPV4_FIELD_NUMBER: _ClassVar[int]
    IPV6_FIELD_NUMBER: _ClassVar[int]
    mac: str
    ipv4: str
    ipv6: str
    def __init__(self, mac: _Optional[str] = ..., ipv4: _Optional[str] = ..., ipv6: _Optional[str] = ...) -> None: ...

class NetworkInfo(_message.Message):
    __slots__ = ("wifi", "ethernet")
    WIFI_FIELD_NUMBER: _ClassVar[int]
    ETHERNET_FIELD_NUMBER: _ClassVar[int]
    wifi: WifiInfo
    ethernet: EthernetInfo
    def __init__(self, wifi: _Optional[_Union[WifiInfo, _Mapping]] = ..., ethernet: _Optional[_Union[EthernetInfo, _Mapping]] = ...) -> None: ...

class CameraFeatures(_message.Message):
    __slots__ = ("has_ptz", "has_ir", "has_led", "has_audio", "has_sd_card", "max_quality", "firmware_version", "camera_token", "has_webrtc")
    HAS_PTZ_FIELD_NUMBER: _ClassVar[int]
    HAS_IR_FIELD_NUMBER: _ClassVar[int]
    HAS_LED_FIELD_NUMBER: _ClassVar[int]
    HAS_AUDIO_FIELD_NUMBER: _ClassVar[int]
    HAS_SD_CARD_FIELD_NUMBER: _ClassVar[int]
    MAX_QUALITY_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_WEBRTC_FIELD_NUMBER: _ClassVar[int]
    has_ptz: bool
    has_ir: bool
    has_led: bool
    has_audio: bool
    has_sd_card: bool
    max_quality: VideoQuality
    firmware_version: str
    camera_token: str
    has_webrtc: bool
    def __init__(self, has_ptz: bool = ..., has_ir: bool = ..., has_led: bool = ..., has_audio: bool = ..., has_sd_card: bool = ..., max_quality: _Optional[_Union[VideoQuality, str]] = ..., firmware_version: _Optional[str] = ..., camera_token: _Optional[str] = ..., has_webrtc: bool = ...) -> None: ...

class CameraStatus(_message.Message):
    __slots__ = ("mcu_temperature", "uptime_raw", "uptime", "load", "total_ram", "free_ram", "shared_ram", "buffer_ram", "procs", "timelapse_video_status")
    MCU_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    UPTIME_RAW_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    TOTAL_RAM_FIELD_NUMBER: _ClassVar[int]
    FREE_RAM_FIELD_NUMBER: _ClassVar[int]
    SHARED_RAM_FIELD_NUMBER: _ClassVar[int]
    BUFFER_RAM_FIELD_NUMBER: _ClassVar[int]
    PROCS_FIELD_NUMBER: _ClassVar[int]
    TIMELAPSE_VIDEO_STATUS_FIELD_NUMBER: _ClassVar[int]
    mcu_temperature: float
    uptime_raw: int
    uptime: str
    load: str
    total_ram: int
    free_ram: int
    shared_ram: int
    buffer_ram: int
    procs: int
    timelapse_video_status: TimelapseStatus
    def __init__(self, mcu_temperature: _Optional[float] = ..., uptime_raw: _Optional[int] = ..., uptime: _Optional[str] = ..., load: _Optional[str] = ..., total_ram: _Optional[int] = ..., free_ram: _Optional[int] = ..., shared_ram: _Optional[int] = ..., buffer_ram: _Optional[int] = ..., procs: _Optional[int] = ..., timelapse_video_status: _Optional[_Union[TimelapseStatus, str]] = ...) -> None: ...

class CameraToServer(_message.Message):
    __slots__ = ("camera_status", "network", "camera_token")
    CAMERA_STATUS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    camera_status: CameraStatus
    network: NetworkInfo
    camera_token: str
    def __init__(self, camera_status: _Optional[_Union[CameraStatus, _Mapping]] = ..., network: _Optional[_Union[NetworkInfo, _Mapping]] = ..., camera_token: _Optional[str] = ...) -> None: ...
