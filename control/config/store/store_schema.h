// The keys of `store:` in warp-map's configuration.
#ifndef WARP_CONTROL_CONFIG_STORE_STORE_SCHEMA_H_
#define WARP_CONTROL_CONFIG_STORE_STORE_SCHEMA_H_

#include "control/config/schema/load.h"
#include "control/config/schema/schema.h"
#include "control/config/store/store_config.h"

namespace warp::config {

const SectionOf<StoreConfig>& StoreSchema();

// Reads the files that the section names, if the source asks for it. Those of secrets are refused as private keys are.
void ReadStoreFiles(const Source& source, Reader& reader, StoreConfig& store);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_STORE_STORE_SCHEMA_H_
