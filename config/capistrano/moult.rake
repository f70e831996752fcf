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
    set_if_empty :moult_env, {}                   # what the configuration's ${VAR} need at the check
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
  # What `current` was on each host before it moved; empty on a host that had none.
  before = {}
  handed_over = false

  desc "Start the service"
  task :start do
    on(roles(fetch(:moult_roles))) { unit_to.call(self, :start) }
  end

  desc "Stop the service: records in hand are finished and committed"
  task :stop do
    on(roles(fetch(:moult_roles))) { unit_to.call(self, :stop) }
  end

  desc "Stop and start the service: for what a reload can't change"
  task :restart do
    on(roles(fetch(:moult_roles))) { unit_to.call(self, :restart) }
  end

  desc "What systemd says of the service; fails when it does not run"
  task :status do
    on(roles(fetch(:moult_roles))) { execute(*systemctl.call(:status, "--no-pager")) }
  end

  desc "Take the current release's plugins and configuration over, without leaving the group"
  task :reload do
    # A service that does not run yet is started.
    on(roles(fetch(:moult_roles))) { unit_to.call(self, "reload-or-restart") }
  end

  desc "Begin no new batch, stay in the group (a stop or restart ends it)"
  task :quiet do
    on(roles(fetch(:moult_roles))) { unit_to.call(self, :kill, "--kill-who=main", "--signal=TSTP") }
  end

  desc "Verify and try the release's plugins, without touching what runs"
  task :check do
    on roles(fetch(:moult_roles)) do
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
      before[host.to_s] = capture(:readlink, current_path, raise_on_non_zero_exit: false)
    end
  end

  # The way back is taken here and not at deploy:failed alone, which a deploy:rollback does not have.
  task :hand_over do
    next unless fetch(:moult_hooks)
    invoke(fetch(:moult_activate).to_sym == :restart ? "moult:restart" : "moult:reload")
    handed_over = true
  rescue StandardError
    invoke "moult:back"
    raise
  end

  # `current` must not go on naming a release that was refused: the next start would run it. On hosts
  # that took it already the release before takes over again.
  task :back do
    next if !fetch(:moult_hooks) || handed_over || before.empty?
    on release_roles(:all) do |host|
      previous = before[host.to_s]
      if previous.empty?
        warn "#{host}: there is no release before this one to go back to"
      elsif capture(:readlink, current_path) != previous
        temporary = releases_path.join("current")
        execute :ln, "-sfn", previous, temporary
        execute :mv, "-fT", temporary, current_path
      end
    end
    on roles(fetch(:moult_roles)) do |host|
      unit_to.call(self, "reload-or-restart") unless before[host.to_s].to_s.empty?
    end
  end

  # deploy:rollback goes to the second newest folder in releases/, by its time. One that never became
  # current must not count there; deploy:cleanup goes by names and removes it in its turn.
  task :pass_over do
    next if !fetch(:moult_hooks) || handed_over || release_path == current_path
    on release_roles(:all) do
      current = capture(:readlink, current_path, raise_on_non_zero_exit: false)
      execute :touch, "-d", "@0", release_path if current != release_path.to_s && test("[ -d #{release_path} ]")
    end
  end
end

after "deploy:updated", "moult:check_release"
after "deploy:reverted", "moult:check_release"
before "deploy:publishing", "moult:note_current"
after "deploy:published", "moult:hand_over"
after "deploy:failed", "moult:back"
after "deploy:failed", "moult:pass_over"
