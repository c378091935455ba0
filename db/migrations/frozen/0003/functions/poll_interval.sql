-- How long to wait until the next poll, after one that saw p_fresh records that others had changed
-- and had to ask for p_queued of them.
--
-- Changes the inbox had already show that webhooks arrive: the interval doubles. One it did not
-- have shows that they fail: the shortest. Where nothing changed, nothing is shown.
create or replace function hubspot_sync.poll_interval(p_fresh integer, p_queued integer)
  returns interval
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_thrifty boolean := hubspot_sync.is_thrifty();
  v_least interval := case when v_thrifty then interval '2 hours'
    else hubspot_sync.setting('poll_every_min')::interval end;
  v_most interval := case when v_thrifty then interval '8 hours'
    else hubspot_sync.setting('poll_every_max')::interval end;
  v_now interval := (select make_interval(secs => (s.state ->> 'every')::double precision)
                       from hubspot_sync.sync_status s
                      where s.task = 'poll');
begin
  return greatest(v_least, least(v_most, case
    when p_queued > 0 then v_least
    when p_fresh > 0 then 2 * coalesce(v_now, v_least)
    else coalesce(v_now, v_least)
  end));
end;
$$;

comment on function hubspot_sync.poll_interval(integer, integer) is
  'The interval between polls after one with these counts, between the settings poll_every_min '
  'and poll_every_max; in profile thrifty between two hours and eight.';
revoke execute on function hubspot_sync.poll_interval(integer, integer)
  from public, anon, authenticated;
