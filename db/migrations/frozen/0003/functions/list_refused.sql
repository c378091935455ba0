-- What HubSpot has and cannot be taken, and why.
create or replace function hubspot_sync.list_refused(p_limit integer default 100)
  returns table (
    table_name text,
    hubspot_id text,
    reason text,
    since timestamptz,
    times integer
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_limit is null or p_limit not between 1 and 100000 then
    raise exception 'cannot list % records', p_limit
      using errcode = '22023', hint = '1 to 100000.';
  end if;
  return query
    select e.entity, e.hubspot_id, e.error_message, e.created_at, e.retry_count + 1
      from hubspot_sync.sync_errors e
     where e.direction = 'hubspot_to_supabase'
       and e.resolved_at is null
     order by e.id desc
     limit p_limit;
end;
$$;

comment on function hubspot_sync.list_refused(integer) is
  'Records of HubSpot that were refused and have not healed, newest first: table, HubSpot''s id, '
  'the SQLSTATE with the reason, since when, and how many times. Raises 22023 for an impossible '
  'limit.';
revoke execute on function hubspot_sync.list_refused(integer) from public, anon, authenticated;
grant execute on function hubspot_sync.list_refused(integer) to service_role;
