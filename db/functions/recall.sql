-- What a task of the glue noted for its next run.
create or replace function hubspot_sync.recall(p_task text)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (select s.state || jsonb_build_object('age', extract(epoch from
                   hubspot_sync.clock() - s.last_run_at))
            from hubspot_sync.sync_status s
           where s.task = p_task);
end;
$$;

comment on function hubspot_sync.recall(text) is
  'The state a task noted with hubspot_sync.remember, and «age»: how many seconds ago; null when '
  'it never did.';
revoke execute on function hubspot_sync.recall(text) from public, anon, authenticated;
grant execute on function hubspot_sync.recall(text) to service_role;
