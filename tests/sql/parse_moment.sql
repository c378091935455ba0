begin;
select plan(17);

create function pg_temp.refusal(p_function text, p_value text) returns text language plpgsql as $$
begin
  case p_function
    when 'moment' then return hubspot_sync.parse_moment(p_value, 'at')::text;
    else return hubspot_sync.parse_day(p_value, 'at')::text;
  end case;
exception
  when sqlstate '22023' then return sqlerrm;
end
$$;

select is(hubspot_sync.parse_moment(v.value, 'at'), v.expected::timestamptz,
          format('«%s» is a moment', v.value))
  from (values ('2030-01-02T03:04:05Z', '2030-01-02 03:04:05+00'),
               ('2030-01-02T03:04:05.678Z', '2030-01-02 03:04:05.678+00'),
               ('2030-01-02T03:04:05+02:00', '2030-01-02 01:04:05+00'),
               ('2030-01-02T03:04+0200', '2030-01-02 01:04+00'),
               ('1893553445678', '2030-01-02 03:04:05.678+00'),
               (' 2030-01-02T03:04:05Z ', '2030-01-02 03:04:05+00'),
               ('', null), (null, null)) as v (value, expected);
select is_empty(
  $$select v.value from unnest(array['soon', '2030-01-02', '2030-01-02 03:04:05+00', '12',
                 '2030-13-02T03:04:05Z', '2030-01-32T03:04:05Z', '2030-01-02T25:04:05Z',
                 '2030-01-02T03:04:05', '2030-01-02T::Z', '2030-01-02T03:04:05+99:00',
                 '0000-01-01T00:00:00Z', 'infinity', '9999999999999999']) v (value)
     where pg_temp.refusal('moment', v.value) not like 'at is no moment: %'$$,
  'what is no moment is refused');
select is(pg_temp.refusal('moment', 'soon'), 'at is no moment: soon', 'by name and value');

select is(hubspot_sync.parse_day(v.value, 'at'), v.expected::date, format('«%s» is a day', v.value))
  from (values ('2030-01-02', '2030-01-02'), ('1893542400000', '2030-01-02'),
               ('-86400000000', '1967-04-07'), ('', null), (null, null)) as v (value, expected);
select is_empty(
  $$select v.value from unnest(array['soon', '02.01.2030', '2030-02-30', '2030-1-2', '12',
                 '2030-01-02T00:00:00Z', '-999999999999999', '0000-00-00', 'today']) v (value)
     where pg_temp.refusal('day', v.value) not like 'at is no day: %'$$,
  'what is no day is refused');
select is(pg_temp.refusal('day', '2030-02-30'), 'at is no day: 2030-02-30', 'by name and value');

select * from finish();
rollback;
