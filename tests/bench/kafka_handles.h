#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace bench {

/// Frees one of librdkafka's handles.
template <auto Destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* handle) const {
    Destroy(handle);
  }
};

using ClientHandle = std::unique_ptr<rd_kafka_t, Destroyer<rd_kafka_destroy>>;
using QueueHandle = std::unique_ptr<rd_kafka_queue_t, Destroyer<rd_kafka_queue_destroy>>;
using ListHandle = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   Destroyer<rd_kafka_topic_partition_list_destroy>>;
using TopicHandle = std::unique_ptr<rd_kafka_topic_t, Destroyer<rd_kafka_topic_destroy>>;
using ConfHandle = std::unique_ptr<rd_kafka_conf_t, Destroyer<rd_kafka_conf_destroy>>;

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
