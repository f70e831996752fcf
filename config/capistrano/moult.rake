# frozen_string_literal: true

# Capistrano 3 tasks for Moult. `require` moult.rb from the Capfile, or copy this file to
# lib/capistrano/tasks. README.md beside it explains the settings and what happens at a deploy.

namespace :load do
  task :defaults do
    set_if_empty :moult_roles, :app
    set_if_empty :moult_service, "moult"          # or several: %w[moult@1 moult@2]
    set_if_empty :moult_use_sudo, true            # for systemctl
    set_if_empty :moult_systemctl, "systemctl"    # "systemctl --user", say
    set_if_empty :moult_binary, "moult"
    set_if_empty :moult_config, "config/moult.yaml"  # of the release; absolute: outside of it
    set_if_empty :moult_plugins, "plugins/*.so"   # checked instead when the configuration is outside
    # What the configuration's ${VAR} need at the check, which talks to no cluster: placeholders, never
    # secrets. They are in the arguments of a process and in Capistrano's log.
    set_if_empty :moult_env, {}
    set_if_empty :moult_check, true               # at deploy:updated and deploy:reverted
    set_if_empty :moult_activate, :reload         # at deploy:published; or :restart
    set_if_empty :moult_hooks, true               # false: tasks alone
  end
end

namespace :moult do
  services = -> { Array(fetch(:moult_service)) }
  systemctl = lambda do |*arguments|
    [*(%w[sudo -n] if fetch(:moult_use_sudo)), *fetch(:moult_systemctl).split, *arguments, *services.call]
  end
  # Before HOSTS and ROLES narrow it down. With none at all a task would do nothing and call that done.
  servers = lambda do
    found = roles(fetch(:moult_roles))
    raise "moult_roles: no server has the role #{Array(fetch(:moult_roles)).join(' or ')}" if found.empty?
    found
  end
  name_of = ->(host) { [host.hostname, host.port].compact.join(":") }
  # Runs in the context of an `on` block, which is `backend`. What systemctl says of a failure is not
  # why; the unit's last lines are.
  unit_to = lambda do |backend, *verb|
    backend.execute(*systemctl.call(*verb))
  rescue SSHKit::Command::Failed
    lines = backend.capture(*systemctl.call(:status, "--no-pager", "--full", "--lines=15"),
                            raise_on_non_zero_exit: false)
    backend.error("#{verb.join(' ')} #{services.call.join(' ')} failed:\n#{lines}")
    raise
  end
  # Returns what failed, by host. `on` alone raises at the first host that failed: the others are not
  # waited for, and what comes next is done on none of them.
  each_of = lambda do |hosts, &block|
    failed = {}
    on hosts do |host|
      instance_exec(host, &block)
    rescue StandardError => e
      failed[name_of.call(host)] = e
    end
    failed
  end
  lines_of = ->(failed) { failed.map { |host, e| "#{host}: #{e.message}" } }
  units_to = lambda do |*verb|
    failed = each_of.call(servers.call) { unit_to.call(self, *verb) }
    raise lines_of.call(failed).join("\n"), cause: failed.values.first unless failed.empty?
  end
  # A service that does not run yet is started by a reload too.
  activate = -> { fetch(:moult_activate).to_sym == :restart ? :restart : "reload-or-restart" }
  link_back = lambda do |backend, previous|
    next if backend.capture(:readlink, current_path) == previous
    temporary = releases_path.join("current")
    backend.execute :ln, "-sfn", previous, temporary
    backend.execute :mv, "-fT", temporary, current_path
  end
  # What `current` was on each host before it moved; empty on a host that had none.
  before = {}
  # Hosts that the way back failed on.
  left = {}
  begun = false
  handed_over = false

  desc "Start the service"
  task(:start) { units_to.call(:start) }

  desc "Stop the service: records in hand are finished and committed"
  task(:stop) { units_to.call(:stop) }

  desc "Stop and start the service: for what a reload can't change"
  task(:restart) { units_to.call(:restart) }

  desc "What systemd says of the service; fails when it does not run"
  task :status do
    on(servers.call) { execute(*systemctl.call(:status, "--no-pager")) }
  end

  desc "Take the current release's plugins and configuration over, without leaving the group"
  task(:reload) { units_to.call("reload-or-restart") }

  desc "Begin no new batch, stay in the group (a stop or restart ends it)"
  task(:quiet) { units_to.call(:kill, "--kill-who=main", "--signal=TSTP") }

  desc "Verify and try the release's plugins, without touching what runs"
  task :check do
    on servers.call do
      config = fetch(:moult_config).to_s
      outside = config.start_with?("/")
      within release_path do
        with fetch(:moult_env) do
          if outside
            execute fetch(:moult_binary), :plugins, :verify, fetch(:moult_plugins)
          else
            execute fetch(:moult_binary), :check, "--config", release_path.join(config)
          end
        end
      end
    end
  end

  task :check_release do
    invoke "moult:check" if fetch(:moult_hooks) && fetch(:moult_check)
  end

  task :note_current do
    next unless fetch(:moult_hooks)
    on release_roles(:all) do |host|
      before[name_of.call(host)] = capture(:readlink, current_path, raise_on_non_zero_exit: false)
    end
  end

  # The way back is taken here and not at deploy:failed alone, which a deploy:rollback does not have.
  task :hand_over do
    next unless fetch(:moult_hooks)
    begun = true
    invoke(activate.call == :restart ? "moult:restart" : "moult:reload")
    handed_over = true
  rescue StandardError => refused
    invoke "moult:back"
    raise if left.empty?
    raise "#{refused.message}\nThe way back failed on #{left.keys.join(', ')}"
  end

  # `current` must not go on naming a release that was refused: the next start would run it. On hosts
  # that took it already the release before takes over again, in the way that this one did: what one
  # reload can't change, the reload back can't either. Raises nothing: deploy:failed goes on from here.
  task :back do
    next if !fetch(:moult_hooks) || handed_over || before.empty?
    running = roles(fetch(:moult_roles)).map(&name_of)
    left = each_of.call(release_roles(:all)) do |host|
      previous = before[name_of.call(host)].to_s
      if previous.empty?
        warn "#{host}: there is no release before this one to go back to"
      else
        link_back.call(self, previous)
        unit_to.call(self, activate.call) if begun && running.include?(name_of.call(host))
      end
    end
    lines_of.call(left).each { |line| warn "The way back failed on #{line}" }
  end

  # deploy:rollback goes to the second newest folder in releases/, by its time. One that never became
  # current must not count there; deploy:cleanup goes by names and removes it in its turn.
  task :pass_over do
    next if !fetch(:moult_hooks) || handed_over || release_path == current_path
    failed = each_of.call(release_roles(:all)) do
      current = capture(:readlink, current_path, raise_on_non_zero_exit: false)
      execute :touch, "-d", "@0", release_path if current != release_path.to_s && test("[ -d #{release_path} ]")
    end
    lines_of.call(failed).each { |line| warn "A rollback may go to the refused release on #{line}" }
  end
end

after "deploy:updated", "moult:check_release"
after "deploy:reverted", "moult:check_release"
before "deploy:publishing", "moult:note_current"
after "deploy:published", "moult:hand_over"
after "deploy:failed", "moult:back"
after "deploy:failed", "moult:pass_over"
