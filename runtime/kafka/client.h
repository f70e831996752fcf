#pragma once

#include "runtime/base/result.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {

/// A client of the given kind. Connects in the background; fails only on a configuration that
/// contradicts itself, or for want of resources. A configuration with a source of tokens makes a
/// client with a thread that fetches them.
Result<ClientHandle> make_client(rd_kafka_type_t type, ClientConf conf);

/// A log callback for a client whose errors are told by whoever asks it.
void discard_log(const rd_kafka_t* client, int level, const char* facility, const char* text);

}  // namespace moult::kafka
