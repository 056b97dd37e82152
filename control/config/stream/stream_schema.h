// The keys of `stream:` in warp-map's configuration.
#ifndef WARP_CONTROL_CONFIG_STREAM_STREAM_SCHEMA_H_
#define WARP_CONTROL_CONFIG_STREAM_STREAM_SCHEMA_H_

#include "control/config/schema/load.h"
#include "control/config/schema/schema.h"
#include "control/config/stream/stream_config.h"

namespace warp::config {

const SectionOf<StreamConfig>& StreamSchema();

// Reads the files that the section names, if the source asks for it. That of the key is refused as private keys are.
void ReadStreamFiles(const Source& source, Reader& reader, StreamConfig& stream);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_STREAM_STREAM_SCHEMA_H_
