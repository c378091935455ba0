-- Notes what a task of the glue must know in its next run, and that it ran.
create or replace function hubspot_sync.remember(p_task text, p_state jsonb)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(trim(p_task), '') = '' or length(p_task) > 200
     or jsonb_typeof(p_state) <> 'object' then
    raise exception 'a task needs a name, and its state is an object'
      using errcode = '22023', hint = 'A name of at most 200 characters, and {…} or null.';
  end if;
  insert into hubspot_sync.sync_status (task, last_run_at, state)
  values (p_task, hubspot_sync.clock(), coalesce(p_state, '{}'))
  on conflict (task) do update
     set last_run_at = excluded.last_run_at, state = excluded.state;
end;
$$;

comment on function hubspot_sync.remember(text, jsonb) is
  'Keeps p_state for the task p_task in sync_status, in place of what was there, with the time. '
  'Raises 22023 for no name, or a state that is no object.';
revoke execute on function hubspot_sync.remember(text, jsonb) from public, anon, authenticated;
grant execute on function hubspot_sync.remember(text, jsonb) to service_role;
