// The version of the status document, which both daemons write into it (docs/status.md).
#ifndef WARP_CONTROL_STATUS_STATUS_VERSION_H_
#define WARP_CONTROL_STATUS_STATUS_VERSION_H_

namespace warp::control {

// It rises when a stable field goes, or changes its path, type, unit or meaning. A field that is added changes nothing
// for those who ignore what they do not know, and so leaves it as it is.
inline constexpr int kStatusVersion = 1;

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_STATUS_VERSION_H_
