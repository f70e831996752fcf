#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/kafka/handles.h"

namespace bench {

using moult::kafka::ClientHandle;
using moult::kafka::ConfHandle;
using moult::kafka::PartitionListHandle;
using moult::kafka::QueueHandle;
using moult::kafka::TopicHandle;

/// These programs have nothing to recover from: they say what is wrong and end.
[[noreturn]] inline void die(std::string_view what, std::string_view why) {
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(why.size()), why.data());
  std::exit(1);
}

inline void set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char error[256];
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof error) !=
      RD_KAFKA_CONF_OK) {
    die(name, error);
  }
}

/// Sets a property given as name=value.
inline void set(rd_kafka_conf_t* conf, const std::string& property) {
  const auto equals = property.find('=');
  if (equals == std::string::npos) die(property, "is not name=value");
  set(conf, property.substr(0, equals), property.substr(equals + 1));
}

inline ClientHandle make_client(rd_kafka_type_t type, ConfHandle conf) {
  char error[256];
  rd_kafka_t* client = rd_kafka_new(type, conf.get(), error, sizeof error);
  if (client == nullptr) die("rd_kafka_new", error);
  (void)conf.release();
  return ClientHandle(client);
}

}  // namespace bench
