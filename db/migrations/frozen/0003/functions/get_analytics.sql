-- Reads the analytics and how old they are.
create or replace function api.get_analytics(p_weeks integer default 26)
  returns setof api.analytics_week
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform hubspot_sync.require_administrator();
  return query
    select a.week, a.mock_type, a.total_bookings, a.cancellations, a.avg_capacity,
           a.avg_utilization, t.last_run_at
      from hubspot_sync.booking_analytics a
      left join hubspot_sync.sync_status t on t.task = 'refresh_analytics'
     where a.week >= date_trunc('week', hubspot_sync.clock()
                                        at time zone hubspot_sync.setting('time_zone'))::date
                     - 7 * least(greatest(coalesce(p_weeks, 0), 0), 520)
     order by a.week, a.mock_type;
end;
$$;

comment on function api.get_analytics(integer) is
  'booking_analytics of the last p_weeks weeks (at most 520), this one and all ahead, with '
  'refreshed_at. Raises 42501 (not allowed).';
revoke execute on function api.get_analytics(integer) from public, anon, authenticated;
grant execute on function api.get_analytics(integer) to authenticated, service_role;
