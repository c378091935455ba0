-- Says who is behind the rest of a transaction, for audit and ledger.
create or replace function hubspot_sync.act_as(p_actor text)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('hubspot_sync.actor', coalesce(left(p_actor, 500), ''), true);
end;
$$;

comment on function hubspot_sync.act_as(text) is
  'What this transaction does counts as p_actor''s, unless a login says otherwise; see actor.';
revoke execute on function hubspot_sync.act_as(text) from public, anon, authenticated;
grant execute on function hubspot_sync.act_as(text) to service_role;
