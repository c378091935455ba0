-- The latest conflicts between this side and HubSpot, newest first, for people.
create or replace function hubspot_sync.list_conflicts(
  p_limit integer default 50,
  p_before bigint default null
)
  returns table (
    id bigint, created_at timestamptz, table_name text, record uuid, name text, field text,
    postgres_value text, hubspot_value text, decision text
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception 'cannot list % conflicts', p_limit
      using errcode = '22023', hint = '1 to 10000.';
  end if;
  return query
    select f.id, f.created_at, f.entity, f.record,
           hubspot_sync.record_name(f.entity, f.record, null), f.field, f.postgres_value,
           f.hubspot_value, f.decision
      from hubspot_sync.sync_conflicts f
     where p_before is null or f.id < p_before
     order by f.id desc
     limit p_limit;
end;
$$;

comment on function hubspot_sync.list_conflicts(integer, bigint) is
  'Up to p_limit conflicts before the one with the id p_before, newest first: what people call the '
  'record, the field, both values and the decision. Raises 22023 for an impossible limit.';
revoke execute on function hubspot_sync.list_conflicts(integer, bigint)
  from public, anon, authenticated;
grant execute on function hubspot_sync.list_conflicts(integer, bigint) to service_role;
