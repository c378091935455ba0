begin;
select plan(14);

select is(hubspot_sync.parse_count(v.value, 'n'), v.expected,
          format('«%s» is %s', v.value, coalesce(v.expected::text, 'none')))
  from (values ('5', 5), ('5.0', 5), ('5.', 5), ('+5', 5), ('-5', -5), (' 5 ', 5), ('007', 7),
               ('999999999', 999999999), ('', null), ('  ', null), (null, null)) as v (value, expected);
create function pg_temp.refusal(p_value text) returns text language plpgsql as $$
begin
  return hubspot_sync.parse_count(p_value, 'sj_credits')::text;
exception
  when sqlstate '22023' then return sqlerrm;
end
$$;
select is_empty(
  $$select v.value from unnest(array['5.5', '1e3', 'five', '1000000000', '5,0', '--5', 'NaN', '٥',
                                     '0x5', '5 5', '.']) v (value)
     where pg_temp.refusal(v.value) not like 'sj_credits is no whole number: %'$$,
  'what is no whole number is refused');
select is(pg_temp.refusal('5.5'), 'sj_credits is no whole number: 5.5', 'by name and value');
select is(length(pg_temp.refusal(repeat('x', 10000))), 131, 'of a long one the beginning is told');

select * from finish();
rollback;
