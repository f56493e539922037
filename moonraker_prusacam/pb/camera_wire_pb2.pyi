from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

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

class TimelapseVideo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIMELAPSE_VIDEO_INVALID: _ClassVar[TimelapseVideo]
    TIMELAPSE_VIDEO_IN_PROGRESS: _ClassVar[TimelapseVideo]
    TIMELAPSE_VIDEO_FINISHED: _ClassVar[TimelapseVideo]
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
TIMELAPSE_VIDEO_INVALID: TimelapseVideo
TIMELAPSE_VIDEO_IN_PROGRESS: TimelapseVideo
TIMELAPSE_VIDEO_FINISHED: TimelapseVideo

class CameraAuthentication(_message.Message):
    __slots__ = ("camera_token", "fingerprint")
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    camera_token: str
    fingerprint: str
    def __init__(self, camera_token: _Optional[str] = ..., fingerprint: _Optional[str] = ...) -> None: ...

class ClientAuthentication(_message.Message):
    __slots__ = ("camera_token", "client_type", "client_jwt_token")
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_JWT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    camera_token: str
    client_type: str
    client_jwt_token: str
    def __init__(self, camera_token: _Optional[str] = ..., client_type: _Optional[str] = ..., client_jwt_token: _Optional[str] = ...) -> None: ...

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

class Configuration(_message.Message):
    __slots__ = ("image", "timelapse_interval", "control", "camera_token", "request_id", "video", "timelapse")
    class Image(_message.Message):
        __slots__ = ("width", "height", "quality", "rotation")
        WIDTH_FIELD_NUMBER: _ClassVar[int]
        HEIGHT_FIELD_NUMBER: _ClassVar[int]
        QUALITY_FIELD_NUMBER: _ClassVar[int]
        ROTATION_FIELD_NUMBER: _ClassVar[int]
        width: int
        height: int
        quality: int
        rotation: int
        def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., quality: _Optional[int] = ..., rotation: _Optional[int] = ...) -> None: ...
    class Rotation(_message.Message):
        __slots__ = ("direction", "angle")
        DIRECTION_FIELD_NUMBER: _ClassVar[int]
        ANGLE_FIELD_NUMBER: _ClassVar[int]
        direction: RotationDirection
        angle: int
        def __init__(self, direction: _Optional[_Union[RotationDirection, str]] = ..., angle: _Optional[int] = ...) -> None: ...
    class Exposure(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Control(_message.Message):
        __slots__ = ("rotation", "camera_light", "exposure", "camera_mode", "snapshot_interval", "volume", "brightness", "saturation", "printing_job_name", "open_11", "open_12")
        ROTATION_FIELD_NUMBER: _ClassVar[int]
        CAMERA_LIGHT_FIELD_NUMBER: _ClassVar[int]
        EXPOSURE_FIELD_NUMBER: _ClassVar[int]
        CAMERA_MODE_FIELD_NUMBER: _ClassVar[int]
        SNAPSHOT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
        VOLUME_FIELD_NUMBER: _ClassVar[int]
        BRIGHTNESS_FIELD_NUMBER: _ClassVar[int]
        SATURATION_FIELD_NUMBER: _ClassVar[int]
        PRINTING_JOB_NAME_FIELD_NUMBER: _ClassVar[int]
        OPEN_11_FIELD_NUMBER: _ClassVar[int]
        OPEN_12_FIELD_NUMBER: _ClassVar[int]
        rotation: Configuration.Rotation
        camera_light: FeatureState
        exposure: Configuration.Exposure
        camera_mode: CameraMode
        snapshot_interval: int
        volume: int
        brightness: int
        saturation: int
        printing_job_name: str
        open_11: int
        open_12: int
        def __init__(self, rotation: _Optional[_Union[Configuration.Rotation, _Mapping]] = ..., camera_light: _Optional[_Union[FeatureState, str]] = ..., exposure: _Optional[_Union[Configuration.Exposure, _Mapping]] = ..., camera_mode: _Optional[_Union[CameraMode, str]] = ..., snapshot_interval: _Optional[int] = ..., volume: _Optional[int] = ..., brightness: _Optional[int] = ..., saturation: _Optional[int] = ..., printing_job_name: _Optional[str] = ..., open_11: _Optional[int] = ..., open_12: _Optional[int] = ...) -> None: ...
    class Video(_message.Message):
        __slots__ = ("quality",)
        QUALITY_FIELD_NUMBER: _ClassVar[int]
        quality: VideoQuality
        def __init__(self, quality: _Optional[_Union[VideoQuality, str]] = ...) -> None: ...
    class Timelapse(_message.Message):
        __slots__ = ("fps",)
        FPS_FIELD_NUMBER: _ClassVar[int]
        fps: int
        def __init__(self, fps: _Optional[int] = ...) -> None: ...
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMELAPSE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    TIMELAPSE_FIELD_NUMBER: _ClassVar[int]
    image: Configuration.Image
    timelapse_interval: int
    control: Configuration.Control
    camera_token: str
    request_id: str
    video: Configuration.Video
    timelapse: Configuration.Timelapse
    def __init__(self, image: _Optional[_Union[Configuration.Image, _Mapping]] = ..., timelapse_interval: _Optional[int] = ..., control: _Optional[_Union[Configuration.Control, _Mapping]] = ..., camera_token: _Optional[str] = ..., request_id: _Optional[str] = ..., video: _Optional[_Union[Configuration.Video, _Mapping]] = ..., timelapse: _Optional[_Union[Configuration.Timelapse, _Mapping]] = ...) -> None: ...

class Wifi(_message.Message):
    __slots__ = ("ssid", "mac", "ipv4", "ipv6", "signal_quality")
    SSID_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    IPV4_FIELD_NUMBER: _ClassVar[int]
    IPV6_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_QUALITY_FIELD_NUMBER: _ClassVar[int]
    ssid: bytes
    mac: str
    ipv4: str
    ipv6: str
    signal_quality: int
    def __init__(self, ssid: _Optional[bytes] = ..., mac: _Optional[str] = ..., ipv4: _Optional[str] = ..., ipv6: _Optional[str] = ..., signal_quality: _Optional[int] = ...) -> None: ...

class Ethernet(_message.Message):
    __slots__ = ("mac", "ipv4", "ipv6")
    MAC_FIELD_NUMBER: _ClassVar[int]
    IPV4_FIELD_NUMBER: _ClassVar[int]
    IPV6_FIELD_NUMBER: _ClassVar[int]
    mac: str
    ipv4: str
    ipv6: str
    def __init__(self, mac: _Optional[str] = ..., ipv4: _Optional[str] = ..., ipv6: _Optional[str] = ...) -> None: ...

class Network(_message.Message):
    __slots__ = ("wifi", "ethernet")
    WIFI_FIELD_NUMBER: _ClassVar[int]
    ETHERNET_FIELD_NUMBER: _ClassVar[int]
    wifi: Wifi
    ethernet: Ethernet
    def __init__(self, wifi: _Optional[_Union[Wifi, _Mapping]] = ..., ethernet: _Optional[_Union[Ethernet, _Mapping]] = ...) -> None: ...

class TimelapseSettings(_message.Message):
    __slots__ = ("state", "interval", "name_3", "name_4")
    STATE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    NAME_3_FIELD_NUMBER: _ClassVar[int]
    NAME_4_FIELD_NUMBER: _ClassVar[int]
    state: FeatureState
    interval: int
    name_3: bytes
    name_4: bytes
    def __init__(self, state: _Optional[_Union[FeatureState, str]] = ..., interval: _Optional[int] = ..., name_3: _Optional[bytes] = ..., name_4: _Optional[bytes] = ...) -> None: ...

class CameraState(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Storage(_message.Message):
    __slots__ = ("state", "total_mb", "free_mb", "used_mb", "access")
    STATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MB_FIELD_NUMBER: _ClassVar[int]
    FREE_MB_FIELD_NUMBER: _ClassVar[int]
    USED_MB_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    state: FeatureState
    total_mb: int
    free_mb: int
    used_mb: int
    access: str
    def __init__(self, state: _Optional[_Union[FeatureState, str]] = ..., total_mb: _Optional[int] = ..., free_mb: _Optional[int] = ..., used_mb: _Optional[int] = ..., access: _Optional[str] = ...) -> None: ...

class RtspServer(_message.Message):
    __slots__ = ("mode", "status", "url")
    MODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    mode: FeatureState
    status: int
    url: str
    def __init__(self, mode: _Optional[_Union[FeatureState, str]] = ..., status: _Optional[int] = ..., url: _Optional[str] = ...) -> None: ...

class WebRtcState(_message.Message):
    __slots__ = ("mode", "status")
    MODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    mode: int
    status: int
    def __init__(self, mode: _Optional[int] = ..., status: _Optional[int] = ...) -> None: ...

class System(_message.Message):
    __slots__ = ("firmware_version", "hardware_version", "name", "storage", "rtsp", "time_zone", "webrtc")
    FIRMWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FIELD_NUMBER: _ClassVar[int]
    RTSP_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    WEBRTC_FIELD_NUMBER: _ClassVar[int]
    firmware_version: str
    hardware_version: str
    name: str
    storage: Storage
    rtsp: RtspServer
    time_zone: str
    webrtc: WebRtcState
    def __init__(self, firmware_version: _Optional[str] = ..., hardware_version: _Optional[str] = ..., name: _Optional[str] = ..., storage: _Optional[_Union[Storage, _Mapping]] = ..., rtsp: _Optional[_Union[RtspServer, _Mapping]] = ..., time_zone: _Optional[str] = ..., webrtc: _Optional[_Union[WebRtcState, _Mapping]] = ...) -> None: ...

class Telemetry(_message.Message):
    __slots__ = ("mcu_temperature", "uptime_raw", "uptime", "load", "total_ram", "free_ram", "shared_ram", "buffer_ram", "procs")
    MCU_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    UPTIME_RAW_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    TOTAL_RAM_FIELD_NUMBER: _ClassVar[int]
    FREE_RAM_FIELD_NUMBER: _ClassVar[int]
    SHARED_RAM_FIELD_NUMBER: _ClassVar[int]
    BUFFER_RAM_FIELD_NUMBER: _ClassVar[int]
    PROCS_FIELD_NUMBER: _ClassVar[int]
    mcu_temperature: float
    uptime_raw: int
    uptime: str
    load: str
    total_ram: int
    free_ram: int
    shared_ram: int
    buffer_ram: int
    procs: int
    def __init__(self, mcu_temperature: _Optional[float] = ..., uptime_raw: _Optional[int] = ..., uptime: _Optional[str] = ..., load: _Optional[str] = ..., total_ram: _Optional[int] = ..., free_ram: _Optional[int] = ..., shared_ram: _Optional[int] = ..., buffer_ram: _Optional[int] = ..., procs: _Optional[int] = ...) -> None: ...

class VideoSize(_message.Message):
    __slots__ = ("quality",)
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    quality: VideoQuality
    def __init__(self, quality: _Optional[_Union[VideoQuality, str]] = ...) -> None: ...

class CameraToServer(_message.Message):
    __slots__ = ("timelapse", "camera", "network", "system", "camera_token", "telemetry", "request_id", "video")
    TIMELAPSE_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    timelapse: TimelapseSettings
    camera: CameraState
    network: Network
    system: System
    camera_token: str
    telemetry: Telemetry
    request_id: str
    video: VideoSize
    def __init__(self, timelapse: _Optional[_Union[TimelapseSettings, _Mapping]] = ..., camera: _Optional[_Union[CameraState, _Mapping]] = ..., network: _Optional[_Union[Network, _Mapping]] = ..., system: _Optional[_Union[System, _Mapping]] = ..., camera_token: _Optional[str] = ..., telemetry: _Optional[_Union[Telemetry, _Mapping]] = ..., request_id: _Optional[str] = ..., video: _Optional[_Union[VideoSize, _Mapping]] = ...) -> None: ...

class CameraFeatures(_message.Message):
    __slots__ = ("camera_token", "firmware_version", "hardware_version", "protocol_version", "features", "features_md5")
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_MD5_FIELD_NUMBER: _ClassVar[int]
    camera_token: str
    firmware_version: str
    hardware_version: str
    protocol_version: str
    features: str
    features_md5: str
    def __init__(self, camera_token: _Optional[str] = ..., firmware_version: _Optional[str] = ..., hardware_version: _Optional[str] = ..., protocol_version: _Optional[str] = ..., features: _Optional[str] = ..., features_md5: _Optional[str] = ...) -> None: ...

class ClientTrigger(_message.Message):
    __slots__ = ("open_1", "open_2", "timelapse_video", "open_4", "error_code", "progress")
    OPEN_1_FIELD_NUMBER: _ClassVar[int]
    OPEN_2_FIELD_NUMBER: _ClassVar[int]
    TIMELAPSE_VIDEO_FIELD_NUMBER: _ClassVar[int]
    OPEN_4_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    open_1: str
    open_2: str
    timelapse_video: TimelapseVideo
    open_4: str
    error_code: int
    progress: int
    def __init__(self, open_1: _Optional[str] = ..., open_2: _Optional[str] = ..., timelapse_video: _Optional[_Union[TimelapseVideo, str]] = ..., open_4: _Optional[str] = ..., error_code: _Optional[int] = ..., progress: _Optional[int] = ...) -> None: ...

class TimelapseFileList(_message.Message):
    __slots__ = ("page", "camera_token", "request_id")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    page: str
    camera_token: str
    request_id: str
    def __init__(self, page: _Optional[str] = ..., camera_token: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ProtobufSchemaVersion(_message.Message):
    __slots__ = ("camera_token", "version", "request_id")
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    camera_token: str
    version: str
    request_id: str
    def __init__(self, camera_token: _Optional[str] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class WebRtcMessage(_message.Message):
    __slots__ = ("camera_token", "request_id", "session", "description", "kind", "stream_status", "peer", "ice", "media")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INVALID: _ClassVar[WebRtcMessage.Kind]
        REQUEST: _ClassVar[WebRtcMessage.Kind]
        ANSWER: _ClassVar[WebRtcMessage.Kind]
        OFFER: _ClassVar[WebRtcMessage.Kind]
        CANDIDATE: _ClassVar[WebRtcMessage.Kind]
    INVALID: WebRtcMessage.Kind
    REQUEST: WebRtcMessage.Kind
    ANSWER: WebRtcMessage.Kind
    OFFER: WebRtcMessage.Kind
    CANDIDATE: WebRtcMessage.Kind
    class Peer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PEER_INVALID: _ClassVar[WebRtcMessage.Peer]
        CAMERA: _ClassVar[WebRtcMessage.Peer]
        CLIENT: _ClassVar[WebRtcMessage.Peer]
    PEER_INVALID: WebRtcMessage.Peer
    CAMERA: WebRtcMessage.Peer
    CLIENT: WebRtcMessage.Peer
    class Description(_message.Message):
        __slots__ = ("text", "mid")
        TEXT_FIELD_NUMBER: _ClassVar[int]
        MID_FIELD_NUMBER: _ClassVar[int]
        text: str
        mid: str
        def __init__(self, text: _Optional[str] = ..., mid: _Optional[str] = ...) -> None: ...
    class Endpoint(_message.Message):
        __slots__ = ("scheme", "host", "port", "transport")
        SCHEME_FIELD_NUMBER: _ClassVar[int]
        HOST_FIELD_NUMBER: _ClassVar[int]
        PORT_FIELD_NUMBER: _ClassVar[int]
        TRANSPORT_FIELD_NUMBER: _ClassVar[int]
        scheme: int
        host: str
        port: int
        transport: int
        def __init__(self, scheme: _Optional[int] = ..., host: _Optional[str] = ..., port: _Optional[int] = ..., transport: _Optional[int] = ...) -> None: ...
    class IceServer(_message.Message):
        __slots__ = ("endpoints", "user", "credential")
        ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
        USER_FIELD_NUMBER: _ClassVar[int]
        CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
        endpoints: _containers.RepeatedCompositeFieldContainer[WebRtcMessage.Endpoint]
        user: str
        credential: str
        def __init__(self, endpoints: _Optional[_Iterable[_Union[WebRtcMessage.Endpoint, _Mapping]]] = ..., user: _Optional[str] = ..., credential: _Optional[str] = ...) -> None: ...
    class Ice(_message.Message):
        __slots__ = ("servers", "policy", "ttl")
        SERVERS_FIELD_NUMBER: _ClassVar[int]
        POLICY_FIELD_NUMBER: _ClassVar[int]
        TTL_FIELD_NUMBER: _ClassVar[int]
        servers: _containers.RepeatedCompositeFieldContainer[WebRtcMessage.IceServer]
        policy: int
        ttl: int
        def __init__(self, servers: _Optional[_Iterable[_Union[WebRtcMessage.IceServer, _Mapping]]] = ..., policy: _Optional[int] = ..., ttl: _Optional[int] = ...) -> None: ...
    class Media(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    CAMERA_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STREAM_STATUS_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    ICE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    camera_token: str
    request_id: str
    session: str
    description: WebRtcMessage.Description
    kind: WebRtcMessage.Kind
    stream_status: int
    peer: WebRtcMessage.Peer
    ice: WebRtcMessage.Ice
    media: WebRtcMessage.Media
    def __init__(self, camera_token: _Optional[str] = ..., request_id: _Optional[str] = ..., session: _Optional[str] = ..., description: _Optional[_Union[WebRtcMessage.Description, _Mapping]] = ..., kind: _Optional[_Union[WebRtcMessage.Kind, str]] = ..., stream_status: _Optional[int] = ..., peer: _Optional[_Union[WebRtcMessage.Peer, str]] = ..., ice: _Optional[_Union[WebRtcMessage.Ice, _Mapping]] = ..., media: _Optional[_Union[WebRtcMessage.Media, _Mapping]] = ...) -> None: ...
