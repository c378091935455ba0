begin;
select plan(22);

select is(hubspot_sync.find_status(t.typed), t.means, format('%L is %L', t.typed, t.means))
  from (values
    (null, null), ('', null), ('  ', null), ('Active', 'Active'), (' ACTIVE ', 'Active'),
    ('cancelled', 'Cancelled'), ('canceled', 'Cancelled'), ('COMPLETED', 'Completed'),
    ('true', 'Active'), ('false', 'Cancelled')) as t (typed, means);
select throws_ok(format('select hubspot_sync.find_status(%L)', t.typed), '22023', null,
                 format('%L is no status', t.typed))
  from unnest(array['all', 'No Show', 'Activ', '%', 'Active''', ''' or true --', '$$', '\', '1',
                    E'Active\x01']) as t (typed);
create function pg_temp.refused(p_status text, out message text, out hint text)
  language plpgsql as $$
begin
  perform hubspot_sync.find_status(p_status);
exception when sqlstate '22023' then
  get stacked diagnostics message = message_text, hint = pg_exception_hint;
end
$$;
select is((pg_temp.refused('all')).hint, 'One of: Active, Cancelled, Completed.',
          'the hint names those there are');
select cmp_ok(length((pg_temp.refused(repeat('x', 10000000))).message), '<', 1000,
              'ten million characters are not said again to the log');

select * from finish();
rollback;
