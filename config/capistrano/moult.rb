# frozen_string_literal: true

# In a Capfile, after capistrano/deploy:
#
#   require "/usr/share/moult/capistrano/moult"
load File.expand_path("moult.rake", __dir__)
